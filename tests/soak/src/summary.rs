//! What was tried, what came of it, what was checked.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::actor::Tally;

/// The end of a run.
#[derive(Clone, Debug)]
pub struct Summary {
    /// What the plan followed from.
    pub seed: u64,
    tried: BTreeMap<String, Tally>,
    /// The uids of resources that were deleted or cancelled: only their tasks may be cancelled.
    pub(crate) stop_wanted: BTreeSet<String>,
    /// Figures by name, in the order of the checks.
    pub(crate) figures: Vec<(&'static str, usize)>,
    /// What was checked, in words.
    pub checked: Vec<&'static str>,
    /// What didn't hold. The run has failed if there is any.
    pub violations: Vec<String>,
}

impl Summary {
    pub(crate) fn new(seed: u64, tried: BTreeMap<String, Tally>, stop_wanted: BTreeSet<String>) -> Self {
        Self {
            seed,
            tried,
            stop_wanted,
            figures: Vec::new(),
            checked: Vec::new(),
            violations: Vec::new(),
        }
    }

    /// How many actions there were.
    #[must_use]
    pub fn actions(&self) -> usize {
        self.tried.values().map(|tally| tally.tried).sum()
    }

    /// A figure by its name.
    #[must_use]
    pub fn figure(&self, name: &str) -> Option<usize> {
        self.figures
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    }

    /// Notes that something was checked, and what broke it.
    pub(crate) fn check(&mut self, what: &'static str, violations: impl IntoIterator<Item = String>) {
        self.checked.push(what);
        self.violations
            .extend(violations.into_iter().map(|violation| format!("{what}: {violation}")));
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "\nseed {}\n\ntried (of these without effect):", self.seed)?;
        for (what, tally) in &self.tried {
            writeln!(formatter, "{:>7} ({:>4})  {what}", tally.tried, tally.void)?;
        }
        writeln!(formatter, "\nwhat came of it:")?;
        for (what, value) in &self.figures {
            writeln!(formatter, "{value:>7}  {what}")?;
        }
        writeln!(formatter, "\nchecked:")?;
        for what in &self.checked {
            writeln!(formatter, "  {what}")?;
        }
        if self.violations.is_empty() {
            return write!(formatter, "\nall of it held");
        }
        writeln!(formatter, "\nVIOLATED, with seed {}:", self.seed)?;
        for violation in &self.violations {
            writeln!(formatter, "  {violation}")?;
        }
        Ok(())
    }
}
