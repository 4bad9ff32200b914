//! What people read must name what the code says.

use audit_mitigation_operator::api::Reason;

#[test]
fn every_reason_is_explained() {
    let page = include_str!("../docs/troubleshooting.md");
    for reason in Reason::ALL {
        assert!(
            page.contains(&format!("\n| `{reason}` |")),
            "docs/troubleshooting.md says nothing of the reason {reason}"
        );
    }
}

#[test]
fn every_phase_is_explained() {
    let page = include_str!("../docs/troubleshooting.md");
    let crd = include_str!("../crds/auditmitigationtasks.yaml");
    let phases = [
        "Pending",
        "Queued",
        "Suspended",
        "Running",
        "Canceling",
        "Completed",
        "Failed",
        "Canceled",
        "Rejected",
        "Conflict",
        "Unknown",
    ];
    for phase in phases {
        assert!(crd.contains(&format!("- {phase}\n")), "the CRD has no phase {phase}");
        assert!(
            page.contains(&format!("\n| `{phase}` |")),
            "docs/troubleshooting.md says nothing of the phase {phase}"
        );
    }
}
