//! What a person reads of a call that failed: what happened, in the service's own words where it has any, and what to do.

use super::classify::{ErrorAnswer, Problem};
use super::text::cut_to;
use crate::core::answer::{ErrorClass, Failure, Operation};

/// The longest reason of the service in a message that says more than the reason.
const MAX_REASON: usize = 320;
const INVALID_REQUEST: &str = "InvalidRequestException";

impl Problem {
    /// The class of the failure, its effect, and what a person should read.
    pub(super) fn into_failure(self, operation: Operation) -> Failure {
        let (class, effect) = self.classify();
        let name = operation.name();
        let message = match class {
            ErrorClass::Throttled => {
                format!("{name} was throttled: the account makes more calls a second than the service allows")
            }
            ErrorClass::LimitExceeded => "the service runs its limit of tasks already".to_owned(),
            ErrorClass::AccessDenied => {
                let reason = self.reason();
                let advice = advice(&reason);
                let says = if reason.is_empty() {
                    String::new()
                } else {
                    format!(" (AWS says: {reason})")
                };
                format!("the operator's role is not allowed iot:{name}{says}; {advice}")
            }
            ErrorClass::CredentialsRejected => self.credentials_rejected(),
            ErrorClass::ServiceUnavailable => match &self.answer {
                Some(answer) => format!("{name} was answered with HTTP status {}", answer.status),
                None => format!("{name} got no answer: {}", self.cause),
            },
            ErrorClass::NotInProgress | ErrorClass::UnexpectedAnswer => match &self.answer {
                Some(answer) => unexpected(name, answer, &self.reason()),
                None => format!("{name} could not be sent: {}", self.cause),
            },
        };
        Failure { class, effect, message }
    }

    fn reason(&self) -> String {
        let message = self.answer.as_ref().and_then(|answer| answer.message.as_deref());
        cut_to(message.unwrap_or_default(), MAX_REASON)
    }

    fn credentials_rejected(&self) -> String {
        let code = self.refusal().unwrap_or("no code");
        if self.no_credentials {
            return format!(
                "the operator has no AWS credentials: {}; check its service account, role or secret",
                self.cause
            );
        }
        if let Some(region) = &self.unknown_in {
            return format!(
                "the service in {region} doesn't know the operator's AWS credentials ({code}): the region may not be \
                 enabled for the account, see `aws account get-region-opt-status --region-name {region}`; where it is, \
                 check the operator's service account, role or secret"
            );
        }
        match code {
            "InvalidSignatureException" | "SignatureDoesNotMatch" | "RequestExpired" => format!(
                "the service doesn't accept the signature of the operator's requests ({code}); check the clock of its \
                 node, which may be off by less than five minutes, and its secret key"
            ),
            _ => format!(
                "the service doesn't accept the operator's AWS credentials ({code}); check its service account, role or secret"
            ),
        }
    }
}

/// Not what the service documents: it is told as it is, for people to judge.
fn unexpected(name: &str, answer: &ErrorAnswer, reason: &str) -> String {
    let ErrorAnswer {
        status,
        code,
        message: _,
    } = answer;
    let code = code.as_deref().unwrap_or("none");
    let says = if reason.is_empty() {
        String::new()
    } else {
        format!(" ({reason})")
    };
    // Every operation documents this one, though few callers expect it.
    if code == INVALID_REQUEST && (400..500).contains(status) {
        return format!("{name} was refused as an invalid request{says}; check the ids and names in the spec");
    }
    format!(
        "{name} was answered with HTTP status {status} and error code {code}{says}, which the service doesn't document for \
         it; check the operator's region and endpoint"
    )
}

/// What to do by AWS's own reason: an explicit deny wins over everything that the role's policy could allow, and a
/// boundary, an endpoint or an organization has to allow what the role's policy does.
fn advice(reason: &str) -> &'static str {
    let reason = reason.to_lowercase();
    let says = |text: &str| reason.contains(text);
    if says("service control policy") || says("resource control policy") {
        "a policy of the AWS organization decides that, and no policy of the role can: ask whoever manages the organization"
    } else if says("permissions boundary") {
        "the permissions boundary of the role has to allow that action too"
    } else if says("endpoint policy") {
        "the policy of the VPC endpoint has to allow that action too"
    } else if says("session policy") {
        "the policy that the role's session was made with has to allow that action too: see who assumes the role, as the \
         association of EKS Pod Identity"
    } else if says("explicit deny") {
        "a statement with Deny wins over every Allow: remove that action from it"
    } else {
        "allow that action in its IAM policy"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::text::stable;

    fn denied(message: Option<&str>) -> String {
        let problem = Problem {
            answer: Some(ErrorAnswer {
                status: 403,
                code: Some("AccessDeniedException".to_owned()),
                message: message.map(stable),
            }),
            may_have_arrived: true,
            no_credentials: false,
            cause: String::new(),
            unknown_in: None,
        };
        problem.into_failure(Operation::Start).message
    }

    /// The forms in which AWS says why, as its documentation of access-denied messages has them.
    #[test]
    fn the_advice_is_for_what_aws_says() {
        let who = "User: arn:aws:sts::123456789012:assumed-role/audit/session-1 is not authorized to perform: \
                   iot:StartAuditMitigationActionsTask on resource: *";
        for (why, advises) in [
            (
                "because no identity-based policy allows the iot:StartAuditMitigationActionsTask action",
                "allow that action in its IAM policy",
            ),
            (
                "with an explicit deny in an identity-based policy",
                "wins over every Allow",
            ),
            ("with an explicit deny in a service control policy", "AWS organization"),
            (
                "because no service control policy allows the iot:StartAuditMitigationActionsTask action",
                "AWS organization",
            ),
            ("with an explicit deny in a resource control policy", "AWS organization"),
            (
                "with an explicit deny in a permissions boundary",
                "permissions boundary",
            ),
            (
                "because no permissions boundary allows the iot:StartAuditMitigationActionsTask action",
                "permissions boundary",
            ),
            (
                "because no session policy allows the iot:StartAuditMitigationActionsTask action",
                "session was made with",
            ),
            ("with an explicit deny in a VPC endpoint policy", "VPC endpoint has to"),
        ] {
            let message = denied(Some(&format!("{who} {why}")));
            assert!(
                message
                    .starts_with("the operator's role is not allowed iot:StartAuditMitigationActionsTask (AWS says: "),
                "{message}"
            );
            assert!(message.contains(why), "{message}");
            let (_, advice) = message.split_once("); ").unwrap();
            assert!(advice.contains(advises), "{why}: {advice}");
            assert!(!message.contains("session-1"), "{message}");
        }
    }

    #[test]
    fn a_denial_without_a_reason_is_a_missing_allow() {
        assert_eq!(
            denied(None),
            "the operator's role is not allowed iot:StartAuditMitigationActionsTask; allow that action in its IAM policy"
        );
    }
}
