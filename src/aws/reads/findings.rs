//! Findings, as the service describes and lists them.

use aws_sdk_iot::operation::describe_audit_finding::DescribeAuditFindingOutput;
use aws_sdk_iot::operation::list_audit_findings::ListAuditFindingsOutput;
use aws_sdk_iot::types::{AuditFinding, IssuerCertificateIdentifier, PolicyVersionIdentifier, ResourceIdentifier};

use super::super::text::cut_to;
use super::{MAX_NAME, PAGE, Unexpected, exact, next_page};
use crate::core::answer::{Finding, FindingsPage};

/// The longest resource that is shown. It is an example for people: nothing is decided by it.
const MAX_RESOURCE: usize = 256;

pub(super) fn described(output: DescribeAuditFindingOutput) -> Result<Finding, Unexpected> {
    let nobodys = Unexpected::by_the_model("a finding without an id or a check");
    finding(output.finding.ok_or(nobodys)?)?.ok_or(nobodys)
}

pub(super) fn page(output: ListAuditFindingsOutput, asked: Option<&str>) -> Result<FindingsPage, Unexpected> {
    let listed = output.findings.unwrap_or_default();
    if listed.len() > usize::from(PAGE) {
        return Err(Unexpected::by_the_model("more than 250 findings in a page"));
    }
    let mut page = FindingsPage {
        next_token: next_page(output.next_token, asked)?,
        ..FindingsPage::default()
    };
    for listed in listed {
        match finding(listed)? {
            Some(finding) => page.findings.push(finding),
            None => page.is_incomplete = true,
        }
    }
    Ok(page)
}

/// None without an id or a check.
fn finding(finding: AuditFinding) -> Result<Option<Finding>, Unexpected> {
    let id = exact(finding.finding_id, MAX_NAME, "an id that no finding can have")?;
    let check = exact(finding.check_name, MAX_NAME, "a name that no check can have")?;
    let reason_code = exact(
        finding.reason_for_non_compliance_code,
        MAX_NAME,
        "a reason code that no finding can have",
    )?;
    let resource = finding
        .non_compliant_resource
        .and_then(|resource| resource.resource_identifier);
    Ok(id.zip(check).map(|(id, check)| Finding {
        id,
        check,
        reason_code,
        resource: resource.and_then(resource_name),
        is_suppressed: finding.is_suppressed.unwrap_or(false),
    }))
}

/// The resource by the member of its identifier that says most, the account last: every resource is in one.
fn resource_name(identifier: ResourceIdentifier) -> Option<String> {
    let members = [
        ("deviceCertificateId", identifier.device_certificate_id),
        ("policyName", identifier.policy_version_identifier.and_then(policy)),
        ("caCertificateId", identifier.ca_certificate_id),
        ("cognitoIdentityPoolId", identifier.cognito_identity_pool_id),
        ("clientId", identifier.client_id),
        ("roleAliasArn", identifier.role_alias_arn),
        ("iamRoleArn", identifier.iam_role_arn),
        (
            "issuerCertificateIdentifier",
            identifier.issuer_certificate_identifier.and_then(issuer),
        ),
        ("deviceCertificateArn", identifier.device_certificate_arn),
        ("account", identifier.account),
    ];
    members
        .into_iter()
        .find_map(|(member, value)| Some(cut_to(&format!("{member}/{}", told(value)?), MAX_RESOURCE)))
}

/// None where there is nothing in it.
fn told(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// The name, and the version where it is told.
fn policy(policy: PolicyVersionIdentifier) -> Option<String> {
    let name = told(policy.policy_name)?;
    Some(match told(policy.policy_version_id) {
        Some(version) => format!("{name}:{version}"),
        None => name,
    })
}

/// Any of what an issuer is known by.
fn issuer(issuer: IssuerCertificateIdentifier) -> Option<String> {
    let IssuerCertificateIdentifier {
        issuer_id,
        issuer_certificate_subject,
        issuer_certificate_serial_number,
        ..
    } = issuer;
    let known_by = [issuer_id, issuer_certificate_subject, issuer_certificate_serial_number];
    known_by.into_iter().find_map(told)
}
