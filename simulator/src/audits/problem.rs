//! What is wrong with the fleet: each audit finds it again until it is mended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wildmatch::WildMatch;

/// Something that each audit with this check finds, from now on until it is mended or removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Problem {
    /// Its id; with a count its beginning; made up if it isn't given. The resource is named after it.
    #[serde(default)]
    pub problem_id: String,
    /// The check that finds it.
    pub check_name: String,
    /// Why; the check's first reason code, if not given.
    #[serde(default)]
    pub reason_for_non_compliance_code: Option<String>,
    /// The resource, such as `{"clientId": "c-1"}`; made up of the check's kind, if not given.
    #[serde(default)]
    pub resource_identifier: Option<Value>,
    /// Whether it is found suppressed.
    #[serde(default)]
    pub is_suppressed: bool,
    /// How many resources have it.
    #[serde(default = "one")]
    pub count: u32,
}

fn one() -> u32 {
    1
}

impl Problem {
    /// One resource that a check finds, for its first reason.
    #[must_use]
    pub fn new(check: &str) -> Self {
        Self {
            problem_id: String::new(),
            check_name: check.to_owned(),
            reason_for_non_compliance_code: None,
            resource_identifier: None,
            is_suppressed: false,
            count: 1,
        }
    }

    /// So many resources.
    #[must_use]
    pub fn count(mut self, count: u32) -> Self {
        self.count = count;
        self
    }

    /// An id, or with a count what the ids begin with.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.problem_id);
        self
    }

    /// For this reason.
    #[must_use]
    pub fn reason(mut self, code: &str) -> Self {
        self.reason_for_non_compliance_code = Some(code.to_owned());
        self
    }

    /// Found suppressed.
    #[must_use]
    pub fn suppressed(mut self) -> Self {
        self.is_suppressed = true;
        self
    }
}

/// The problems that there are, and which finding tells of which.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    next: u64,
    open: BTreeMap<String, Problem>,
    /// Finding to problem.
    found_as: BTreeMap<String, String>,
}

impl Problems {
    /// Adds a problem for each resource; gives their ids.
    pub(crate) fn add(&mut self, problem: &Problem) -> Vec<String> {
        let prefix = if problem.problem_id.is_empty() {
            self.next = self.next.saturating_add(1);
            format!("problem-{}", self.next)
        } else {
            problem.problem_id.clone()
        };
        let ids: Vec<String> = if problem.count == 1 {
            vec![prefix]
        } else {
            (1..=problem.count).map(|number| format!("{prefix}-{number}")).collect()
        };
        for id in &ids {
            let single = Problem {
                problem_id: id.clone(),
                count: 1,
                ..problem.clone()
            };
            self.open.insert(id.clone(), single);
        }
        ids
    }

    /// Removes the problems whose id matches a glob; tells how many.
    pub(crate) fn remove(&mut self, glob: &str) -> usize {
        let (before, glob) = (self.open.len(), WildMatch::new(glob));
        self.open.retain(|id, _| !glob.matches(id));
        self.found_as.retain(|_, problem| !glob.matches(problem));
        before.saturating_sub(self.open.len())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.open.values()
    }

    pub(crate) fn found(&mut self, finding: &str, problem: &str) {
        self.found_as.insert(finding.to_owned(), problem.to_owned());
    }

    /// The problem that a finding tells of.
    pub(crate) fn of(&self, finding: &str) -> Option<&str> {
        self.found_as.get(finding).map(String::as_str)
    }

    /// The next audits find it suppressed, or not any more.
    pub(crate) fn suppress(&mut self, problem: &str, suppressed: bool) {
        if let Some(problem) = self.open.get_mut(problem) {
            problem.is_suppressed = suppressed;
        }
    }
}
