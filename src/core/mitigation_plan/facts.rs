//! What the service has said of an audit, its findings and the actions.

use std::collections::BTreeMap;

use crate::core::answer::{ActionDefinition, Audit, Finding, FindingsPage};

/// The most pages of findings of one check; a page has 250.
const MAX_PAGES: usize = 4;

/// What the service has said until now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) audit: Option<Audit>,
    /// By id. The findings that are named one by one.
    pub(super) named: BTreeMap<String, Finding>,
    /// By name.
    pub(super) actions: BTreeMap<String, ActionDefinition>,
    /// By check.
    pub(super) listings: BTreeMap<String, Listing>,
}

/// The findings of one check, as far as they were listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// By id, so that one that two pages show counts once.
    pub(super) findings: BTreeMap<String, Finding>,
    /// There was something that nobody can count.
    is_incomplete: bool,
    pages: usize,
    next_token: Option<String>,
}

impl Listing {
    /// Whether all findings of the check are there.
    pub(super) const fn is_complete(&self) -> bool {
        self.pages > 0 && self.next_token.is_none() && !self.is_incomplete
    }

    /// Whether another page is to be read.
    pub(super) const fn has_more(&self) -> bool {
        self.pages == 0 || self.next_token.is_some() && self.pages < MAX_PAGES
    }

    /// From where the next page begins.
    pub(super) const fn next_token(&self) -> Option<&String> {
        self.next_token.as_ref()
    }

    /// Adds a page, without what is suppressed.
    pub(super) fn add(&mut self, page: FindingsPage) {
        self.is_incomplete |= page.is_incomplete;
        self.pages += 1;
        self.next_token = page.next_token;
        let unsuppressed = page.findings.into_iter().filter(|finding| !finding.is_suppressed);
        let by_id = unsuppressed.map(|finding| (finding.id.clone(), finding));
        self.findings.extend(by_id);
    }
}
