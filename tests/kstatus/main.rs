//! What the real kstatus, the library by which Flux and Helm judge a resource, makes of every status that the core
//! can render. The tables in docs/gitops.md are the ones of this test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod judge;
mod policies;
mod render;
mod table;

use std::collections::BTreeSet;

use audit_mitigation_operator::api::{Phase, Reason, policy, task};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSONSchemaProps};
use serde_json::{Value, json};

use crate::judge::Judged::{self, Current, Failed, InProgress, Terminating};
use crate::judge::{Verdict, computed, kstatus};
use crate::render::{object, said, statuses};
use crate::table::{DELETED, EDITED, ELSEWHERE, NEW, POLICIES, Row, TABLE};

#[test]
fn every_phase_and_reason_is_judged_as_the_table_says() {
    let statuses = statuses();
    let objects: Vec<Value> = statuses.iter().map(|(.., status)| object(&json!(status))).collect();
    for ((phase, reason, judged, status), verdict) in statuses.into_iter().zip(kstatus("phases", &objects)) {
        let message = said(phase, reason);
        let conditions = match judged {
            InProgress => vec![computed("Reconciling", reason.as_str(), &message)],
            Failed => vec![computed("Stalled", reason.as_str(), &message)],
            Current | Terminating => Vec::new(),
        };
        let message = if judged == Current {
            "Resource is Ready".to_owned()
        } else {
            message
        };
        assert_eq!(
            verdict,
            Verdict {
                status: judged,
                message,
                conditions
            },
            "{phase:?}, {reason}: {}",
            json!(status)
        );
    }
}

#[test]
fn every_reason_of_a_policy_is_judged_as_the_table_says() {
    let statuses = policies::statuses();
    let objects: Vec<Value> = statuses
        .iter()
        .map(|(.., status)| policies::object(&json!(status)))
        .collect();
    for ((reason, judged, status), verdict) in statuses.into_iter().zip(kstatus("policies", &objects)) {
        let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
        let ready = ready.unwrap_or_else(|| panic!("{reason}: {}", json!(status)));
        let message = if judged == Current {
            "Resource is Ready"
        } else {
            &ready.message
        };
        assert_eq!(
            (ready.reason.as_str(), verdict.status, verdict.message.as_str()),
            (reason.as_str(), judged, message),
            "{}",
            json!(status)
        );
    }
}

#[test]
fn a_policy_that_nobody_has_looked_at_or_that_was_edited_is_in_progress() {
    let fresh = policies::object(&schema_of_status(policy::crd::crd()).default.unwrap().0);
    let (.., watching) = policies::statuses().remove(0);
    let mut edited = policies::object(&json!(watching));
    edited["metadata"]["generation"] = json!(2);
    let mut deleted = policies::object(&json!(watching));
    deleted["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:02:00Z");
    let verdicts = kstatus("policies-before", &[fresh, edited, deleted]);
    for (verdict, (state, judged, message)) in verdicts.iter().zip([NEW, EDITED, DELETED]) {
        let message = message.replace("AuditMitigationTask", "AuditMitigationPolicy");
        assert_eq!((verdict.status, &verdict.message), (judged, &message), "{state}");
    }
}

#[test]
fn a_resource_that_nobody_has_looked_at_is_in_progress() {
    let fresh = object(&schema_of_status(task::crd::crd()).default.unwrap().0);
    let verdicts = kstatus("new", &[fresh, object(&json!({}))]);
    let [with_default, without] = verdicts.as_slice() else {
        panic!("two verdicts")
    };
    assert_eq!((with_default.status, with_default.message.as_str()), (NEW.1, NEW.2));
    // Why the CRD has that default: without it kstatus takes a resource for done before the operator has seen it.
    assert_eq!(without.status, Current);
}

#[test]
fn a_status_behind_its_spec_is_in_progress_in_every_phase() {
    judge_in_every_phase("edited", "generation", &json!(2), EDITED);
}

#[test]
fn a_resource_being_deleted_is_terminating_in_every_phase() {
    judge_in_every_phase("deleted", "deletionTimestamp", &json!("2026-01-01T00:02:00Z"), DELETED);
}

fn judge_in_every_phase(name: &str, member: &str, value: &Value, expected: (&str, Judged, &str)) {
    let statuses = statuses();
    let objects: Vec<Value> = statuses
        .iter()
        .map(|(.., status)| {
            let mut object = object(&json!(status));
            let metadata = object.pointer_mut("/metadata").and_then(Value::as_object_mut).unwrap();
            metadata.insert(member.to_owned(), value.clone());
            object
        })
        .collect();
    for ((phase, reason, ..), verdict) in statuses.into_iter().zip(kstatus(name, &objects)) {
        assert_eq!(
            (verdict.status, verdict.message.as_str()),
            (expected.1, expected.2),
            "{phase:?}, {reason}"
        );
    }
}

#[test]
fn the_table_has_every_phase_and_every_reason() {
    let in_crd: BTreeSet<Phase> = schema_of_status(task::crd::crd())
        .properties
        .unwrap()
        .remove("phase")
        .and_then(|phase| phase.enum_)
        .unwrap()
        .into_iter()
        .map(|name| serde_json::from_value(name.0).unwrap())
        .collect();
    assert_eq!(
        TABLE.iter().map(|Row(phase, ..)| *phase).collect::<BTreeSet<_>>(),
        in_crd
    );
    let in_table = TABLE.iter().map(|Row(.., reasons)| *reasons);
    let of_policies = POLICIES.iter().map(|(_, reasons)| *reasons);
    assert_eq!(
        in_table
            .chain(of_policies)
            .chain([ELSEWHERE])
            .flatten()
            .copied()
            .collect::<BTreeSet<_>>(),
        Reason::ALL.iter().copied().collect()
    );
}

#[test]
fn the_docs_say_the_same() {
    let page = include_str!("../../docs/gitops.md");
    let rows = TABLE.iter().map(|Row(phase, judged, reasons)| {
        let reasons: Vec<String> = reasons.iter().map(|reason| format!("`{reason}`")).collect();
        let message = if *judged == Current {
            "`Resource is Ready`"
        } else {
            "the resource's"
        };
        format!("| `{phase:?}` | {} | {judged:?} | {message} |", reasons.join(", "))
    });
    assert_eq!(
        table_after(page, "| phase | reason | kstatus | message |"),
        rows.collect::<Vec<_>>()
    );
    let rows = POLICIES.iter().map(|(judged, reasons)| {
        let reasons: Vec<String> = reasons.iter().map(|reason| format!("`{reason}`")).collect();
        let ready = if *judged == Current { "True" } else { "False" };
        format!("| {ready} | {} | {judged:?} |", reasons.join(", "))
    });
    assert_eq!(
        table_after(page, "| `Ready` | reason | kstatus |"),
        rows.collect::<Vec<_>>()
    );
    let rows = [NEW, EDITED, DELETED].map(|(state, judged, message)| format!("| {state} | {judged:?} | `{message}` |"));
    assert_eq!(table_after(page, "| state | kstatus | message |"), rows);
}

/// The rows of the table under this header.
fn table_after<'a>(page: &'a str, header: &str) -> Vec<&'a str> {
    let rows = page.lines().skip_while(|line| *line != header).skip(2);
    rows.take_while(|line| line.starts_with('|')).collect()
}

fn schema_of_status(crd: CustomResourceDefinition) -> JSONSchemaProps {
    let schema = crd.spec.versions.into_iter().next().and_then(|version| version.schema);
    schema
        .and_then(|schema| schema.open_api_v3_schema?.properties?.remove("status"))
        .unwrap()
}
