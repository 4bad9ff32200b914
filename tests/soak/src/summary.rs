//! What was tried, what came of it, what was checked.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use crate::{
    actor::{Actor, Tally},
    monitor,
    plan::is_scene,
    play::{IN_TIME, Played},
};

/// The end of a run.
#[derive(Clone, Debug)]
pub struct Summary {
    /// What the plan followed from.
    pub seed: u64,
    took: Duration,
    tried: BTreeMap<String, Tally>,
    /// Figures by name, in the order of the checks.
    pub(crate) figures: Vec<(&'static str, usize)>,
    /// What was checked, in words.
    pub checked: Vec<&'static str>,
    /// Where the logs of the operators' processes were put, if something didn't hold.
    pub(crate) logs: Option<PathBuf>,
    /// What didn't hold. The run has failed if there is any.
    pub violations: Vec<String>,
}

impl Summary {
    pub(crate) fn new(seed: u64, actor: &Actor, played: Played) -> Self {
        let mut checked: Vec<_> = monitor::WATCHED.into();
        checked.push(IN_TIME);
        let after = played.took.as_secs_f64();
        let violations = played.violations.into_iter();
        Self {
            seed,
            took: played.took,
            tried: actor.tried.clone(),
            figures: Vec::new(),
            logs: None,
            checked,
            violations: violations
                .map(|violation| format!("after {after:.0} s: {}: {}", violation.promise, violation.how))
                .collect(),
        }
    }

    /// How many actions there were.
    #[must_use]
    pub fn actions(&self) -> usize {
        self.tried.values().map(|tally| tally.tried).sum()
    }

    /// What was not tried a single time.
    #[must_use]
    pub fn untried(&self) -> Vec<&str> {
        let untried = self.tried.iter().filter(|(_, tally)| tally.tried == 0);
        untried.map(|(what, _)| what.as_str()).collect()
    }

    /// How many scenes were played to their end, and how many there were.
    #[must_use]
    pub fn whole_scenes(&self) -> (usize, usize) {
        let scenes = self.tried.iter().filter(|(what, _)| is_scene(what));
        scenes.fold((0, 0), |(whole, all), (_, tally)| {
            (whole + tally.tried - tally.void, all + tally.tried)
        })
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
        if !self.checked.contains(&what) {
            self.checked.push(what);
        }
        self.violations
            .extend(violations.into_iter().map(|violation| format!("{what}: {violation}")));
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, took, .. } = self;
        writeln!(
            formatter,
            "\nseed {seed}, {:.0} s\n\ntried (of these without effect, or broken off):",
            took.as_secs_f64()
        )?;
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
        writeln!(formatter, "\nVIOLATED, with seed {seed}:")?;
        for violation in &self.violations {
            writeln!(formatter, "  {violation}")?;
        }
        if let Some(logs) = &self.logs {
            writeln!(formatter, "the logs of the operators are in {}", logs.display())?;
        }
        Ok(())
    }
}
