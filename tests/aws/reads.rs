//! The reads that a plan and a policy rest on: what is asked, and what each answer is taken for.

use audit_mitigation_operator::core::answer::{
    ActionDefinition, Audit, AuditState, AuditedCheck, CheckState, DescribeAnswer, ErrorClass, Failure, Finding,
    FindingsPage, Frequency, ListedAudit, Operation as Paced, ReadAnswer, ScheduledAudit,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use simulator::{Fault, FaultKind};

use crate::answering::Answering;
use crate::{Account, address};

const REGION: &str = "eu-west-1";

fn found<T: std::fmt::Debug>(answer: ReadAnswer<T>) -> T {
    match answer {
        ReadAnswer::Found(found) => found,
        other => panic!("{other:?}"),
    }
}

fn failed<T: std::fmt::Debug>(answer: ReadAnswer<T>) -> Failure {
    match answer {
        ReadAnswer::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

/// It is the service's answer, but not one that can be used.
fn is_unexpected(failure: &Failure, operation: Paced, says: &str) {
    assert_eq!(failure.class, ErrorClass::UnexpectedAnswer, "{failure:?}");
    let start = format!("{} was answered with ", operation.name());
    assert!(
        failure.message.starts_with(&start) && failure.message.contains(says),
        "{says}: {}",
        failure.message
    );
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[tokio::test]
async fn an_audit_is_described_as_it_is() {
    let aws = Answering::new().await;
    aws.answer(json!({
        "taskStatus": "COMPLETED",
        "taskType": "SCHEDULED_AUDIT_TASK",
        "taskStartTime": 1_760_000_000.123,
        "scheduledAuditName": "DailyAudit",
        "auditDetails": {
            "LOGGING_DISABLED_CHECK": {
                "checkRunStatus": "COMPLETED_NON_COMPLIANT", "checkCompliant": false, "totalResourcesCount": 5_000_000_000_i64,
                "nonCompliantResourcesCount": 3, "suppressedNonCompliantResourcesCount": 1,
            },
            "CA_CERTIFICATE_EXPIRING_CHECK": { "checkRunStatus": "COMPLETED_COMPLIANT", "totalResourcesCount": 0 },
            "CONFLICTING_CLIENT_IDS_CHECK": { "checkRunStatus": "FAILED", "errorCode": "INSUFFICIENT_PERMISSIONS" },
            "DEVICE_CERTIFICATE_SHARED_CHECK": { "checkRunStatus": "WAITING_FOR_DATA_COLLECTION" },
            "DEVICE_CERTIFICATE_AGE_CHECK": { "checkRunStatus": "CANCELED" },
            "IOT_POLICY_OVERLY_PERMISSIVE_CHECK": { "checkRunStatus": "PAUSED", "totalResourcesCount": -1 },
            "DEVICE_CERTIFICATE_KEY_QUALITY_CHECK": {},
            " ": { "checkRunStatus": "FAILED" },
        },
    }));
    let audit = found(aws.service.describe_audit(REGION, "a3aea009").await);
    let check = |state| AuditedCheck {
        state,
        resources: None,
        non_compliant: None,
        suppressed: None,
        error_code: None,
    };
    let expected = Audit {
        state: AuditState::Completed,
        start_time: Some(time("2025-10-09T08:53:20.123Z")),
        scheduled_audit_name: Some("DailyAudit".to_owned()),
        checks: [
            (
                "LOGGING_DISABLED_CHECK",
                AuditedCheck {
                    resources: Some(5_000_000_000),
                    non_compliant: Some(3),
                    suppressed: Some(1),
                    ..check(CheckState::NonCompliant)
                },
            ),
            (
                "CA_CERTIFICATE_EXPIRING_CHECK",
                AuditedCheck {
                    resources: Some(0),
                    ..check(CheckState::Compliant)
                },
            ),
            (
                "CONFLICTING_CLIENT_IDS_CHECK",
                AuditedCheck {
                    error_code: Some("INSUFFICIENT_PERMISSIONS".to_owned()),
                    ..check(CheckState::Failed)
                },
            ),
            ("DEVICE_CERTIFICATE_SHARED_CHECK", check(CheckState::InProgress)),
            ("DEVICE_CERTIFICATE_AGE_CHECK", check(CheckState::Canceled)),
            (
                "IOT_POLICY_OVERLY_PERMISSIVE_CHECK",
                check(CheckState::Other("PAUSED".to_owned())),
            ),
            (
                "DEVICE_CERTIFICATE_KEY_QUALITY_CHECK",
                check(CheckState::Other(String::new())),
            ),
        ]
        .map(|(name, check)| (name.to_owned(), check))
        .into(),
    };
    assert_eq!(audit, expected);
    let asked = ("GET".to_owned(), "/audit/tasks/a3aea009".to_owned(), None);
    assert_eq!(aws.asked(), asked);

    for (status, state) in [
        ("IN_PROGRESS", AuditState::InProgress),
        ("FAILED", AuditState::Failed),
        ("CANCELED", AuditState::Canceled),
        ("PAUSED", AuditState::Other("PAUSED".to_owned())),
    ] {
        aws.answer(json!({ "taskStatus": status, "taskStartTime": -1 }));
        let audit = found(aws.service.describe_audit(REGION, "a3aea009").await);
        assert_eq!((audit.state, audit.start_time), (state, None));
    }
}

/// A name that is cut could be that of another check, and a check that is left out could be a mapped one.
#[tokio::test]
async fn an_audit_beyond_the_model_is_no_answer() {
    let aws = Answering::new().await;
    let many: serde_json::Map<String, Value> = (0..101).map(|n| (format!("CHECK_{n}"), json!({}))).collect();
    for (answer, says) in [
        (json!({ "auditDetails": many }), "more than 100 checks"),
        (
            json!({ "auditDetails": { "A".repeat(129): {} } }),
            "a name that no check can have",
        ),
        (
            json!({ "scheduledAuditName": "A".repeat(129) }),
            "a name that no scheduled audit can have",
        ),
        (
            json!({ "scheduledAuditName": "Daily\nAudit" }),
            "a name that no scheduled audit can have",
        ),
    ] {
        aws.answer(answer);
        let failure = failed(aws.service.describe_audit(REGION, "a3aea009").await);
        is_unexpected(&failure, Paced::DescribeAudit, says);
    }
}

#[tokio::test]
async fn a_page_of_findings_asks_for_those_that_would_be_mitigated() {
    let aws = Answering::new().await;
    aws.answer(json!({
        "findings": [
            {
                "findingId": "f-1", "checkName": "LOGGING_DISABLED_CHECK", "isSuppressed": false,
                "reasonForNonComplianceCode": "LOGGING_DISABLED",
                "nonCompliantResource": { "resourceIdentifier": { "account": "123456789012" } },
            },
            { "findingId": "f-2", "checkName": "LOGGING_DISABLED_CHECK", "isSuppressed": true },
        ],
        "nextToken": "two",
    }));
    let page = aws
        .service
        .list_findings(REGION, "a3aea009", "LOGGING_DISABLED_CHECK", None);
    let expected = FindingsPage {
        findings: vec![
            Finding {
                id: "f-1".to_owned(),
                check: "LOGGING_DISABLED_CHECK".to_owned(),
                reason_code: Some("LOGGING_DISABLED".to_owned()),
                resource: Some("account/123456789012".to_owned()),
                is_suppressed: false,
            },
            Finding {
                id: "f-2".to_owned(),
                check: "LOGGING_DISABLED_CHECK".to_owned(),
                reason_code: None,
                resource: None,
                is_suppressed: true,
            },
        ],
        is_incomplete: false,
        next_token: Some("two".to_owned()),
    };
    assert_eq!(page.await, Ok(expected));
    let asked = json!({
        "taskId": "a3aea009", "checkName": "LOGGING_DISABLED_CHECK", "listSuppressedFindings": false, "maxResults": 250,
    });
    assert_eq!(
        aws.asked(),
        ("POST".to_owned(), "/audit/findings".to_owned(), Some(asked))
    );

    aws.answer(json!({ "findings": [], "nextToken": "" }));
    let page = aws
        .service
        .list_findings(REGION, "a3aea009", "LOGGING_DISABLED_CHECK", Some("two"));
    assert_eq!(page.await, Ok(FindingsPage::default()));
    assert_eq!(aws.asked().2.unwrap()["nextToken"], "two");
}

/// Nobody could say how many there are.
#[tokio::test]
async fn a_page_with_a_finding_that_nobody_can_name_is_incomplete() {
    let aws = Answering::new().await;
    for nameless in [
        json!({}),
        json!({ "checkName": "LOGGING_DISABLED_CHECK" }),
        json!({ "findingId": "f-1" }),
        json!({ "findingId": " ", "checkName": "LOGGING_DISABLED_CHECK" }),
    ] {
        aws.answer(json!({
            "findings": [nameless, { "findingId": "f-2", "checkName": "LOGGING_DISABLED_CHECK" }],
        }));
        let page = aws.service.list_findings(REGION, "a", "LOGGING_DISABLED_CHECK", None);
        let page = page.await.unwrap();
        assert!(page.is_incomplete && page.findings.len() == 1, "{page:?}");
        // The same alone is no finding at all.
        aws.answer(json!({ "finding": nameless }));
        let failure = failed(aws.service.describe_finding(REGION, "f-1").await);
        is_unexpected(&failure, Paced::DescribeFinding, "a finding without an id or a check");
    }
}

/// What is counted and hashed is never cut, and a listing comes to its end.
#[tokio::test]
async fn a_page_of_findings_beyond_the_model_is_no_answer() {
    let aws = Answering::new().await;
    let one = |id: &str, check: &str, reason: &str| json!({ "findings": [{ "findingId": id, "checkName": check, "reasonForNonComplianceCode": reason }] });
    let long = "a".repeat(129);
    let many = vec![json!({ "findingId": "f", "checkName": "C" }); 251];
    for (answer, says) in [
        (one(&long, "CHECK", "CODE"), "an id that no finding can have"),
        // The ids of a plan are joined by line feeds.
        (one("f-1\nf-2", "CHECK", "CODE"), "an id that no finding can have"),
        (one("f-1", &long, "CODE"), "a name that no check can have"),
        (one("f-1", "CHECK", &long), "a reason code that no finding can have"),
        (json!({ "findings": many }), "more than 250 findings in a page"),
        (
            json!({ "nextToken": "same" }),
            "a page that names itself as the next one",
        ),
        (
            json!({ "nextToken": "a".repeat(4_097) }),
            "a token that no page can have",
        ),
    ] {
        aws.answer(answer);
        let page = aws.service.list_findings(REGION, "a", "CHECK", Some("same"));
        is_unexpected(&page.await.unwrap_err(), Paced::ListFindings, says);
    }
}

#[tokio::test]
async fn a_finding_shows_its_resource_by_its_own_name() {
    let aws = Answering::new().await;
    let policy =
        |version: Value| json!({ "policyVersionIdentifier": { "policyName": "p", "policyVersionId": version } });
    for (identifier, resource) in [
        (
            json!({ "deviceCertificateId": "d", "account": "a" }),
            Some("deviceCertificateId/d"),
        ),
        (policy(json!("7")), Some("policyName/p:7")),
        (policy(Value::Null), Some("policyName/p")),
        (json!({ "caCertificateId": "c" }), Some("caCertificateId/c")),
        (
            json!({ "cognitoIdentityPoolId": "eu:p" }),
            Some("cognitoIdentityPoolId/eu:p"),
        ),
        (json!({ "clientId": "two\nlines" }), Some("clientId/two lines")),
        (json!({ "account": "123" }), Some("account/123")),
        (json!({ "roleAliasArn": "arn:r" }), Some("roleAliasArn/arn:r")),
        (json!({ "iamRoleArn": "arn:i" }), Some("iamRoleArn/arn:i")),
        (
            json!({ "issuerCertificateIdentifier": { "issuerId": "", "issuerCertificateSerialNumber": "0a" } }),
            Some("issuerCertificateIdentifier/0a"),
        ),
        (
            json!({ "deviceCertificateArn": "arn:d" }),
            Some("deviceCertificateArn/arn:d"),
        ),
        (json!({ "clientId": "" }), None),
        (json!({ "somethingNew": "x" }), None),
    ] {
        aws.answer(json!({ "finding": {
            "findingId": "f-1", "checkName": "CHECK", "nonCompliantResource": { "resourceIdentifier": identifier },
        }}));
        let finding = found(aws.service.describe_finding(REGION, "f-1").await);
        assert_eq!(finding.resource.as_deref(), resource);
    }
    aws.answer(json!({ "finding": {
        "findingId": "f-1", "checkName": "CHECK",
        "nonCompliantResource": { "resourceIdentifier": { "clientId": "c".repeat(5_000) } },
    }}));
    let finding = found(aws.service.describe_finding(REGION, "f-1").await);
    assert_eq!(finding.resource.unwrap().len(), 256);
    assert_eq!(aws.asked().1, "/audit/findings/f-1");
}

/// The parameters of every kind of action, by the leaves' own names.
#[tokio::test]
async fn an_action_is_described_as_it_is() {
    let aws = Answering::new().await;
    let role = "arn:aws:iam::123456789012:role/quarantine";
    let leaves = |leaves: &[(&str, &str)]| {
        let leaves = leaves.iter().map(|(name, text)| (name.to_string(), text.to_string()));
        leaves.collect::<std::collections::BTreeMap<_, _>>()
    };
    for (params, expected) in [
        (
            json!({ "updateDeviceCertificateParams": { "action": "DEACTIVATE" } }),
            leaves(&[("action", "DEACTIVATE")]),
        ),
        (
            json!({ "updateCACertificateParams": { "action": "DEACTIVATE" } }),
            leaves(&[("action", "DEACTIVATE")]),
        ),
        (
            json!({ "addThingsToThingGroupParams": { "thingGroupNames": ["b", "a"], "overrideDynamicGroups": false } }),
            leaves(&[("thingGroupNames", "b,a"), ("overrideDynamicGroups", "false")]),
        ),
        (
            json!({ "addThingsToThingGroupParams": { "thingGroupNames": ["b"] } }),
            leaves(&[("thingGroupNames", "b")]),
        ),
        (
            json!({ "replaceDefaultPolicyVersionParams": { "templateName": "BLANK_POLICY" } }),
            leaves(&[("templateName", "BLANK_POLICY")]),
        ),
        (
            json!({ "enableIoTLoggingParams": { "roleArnForLogging": "arn:l", "logLevel": "ERROR" } }),
            leaves(&[("roleArnForLogging", "arn:l"), ("logLevel", "ERROR")]),
        ),
        (
            json!({ "publishFindingToSnsParams": { "topicArn": "arn:t" } }),
            leaves(&[("topicArn", "arn:t")]),
        ),
    ] {
        aws.answer(json!({
            "actionName": "Quarantine", "actionId": "1c9d2f6e", "actionType": "SOMETHING_NEW", "roleArn": role,
            "actionParams": params, "lastModifiedDate": 1_760_000_000.9,
        }));
        let defined = ActionDefinition {
            name: "Quarantine".to_owned(),
            id: Some("1c9d2f6e".to_owned()),
            type_: Some("SOMETHING_NEW".to_owned()),
            role_arn: Some(role.to_owned()),
            parameters: expected,
            last_modified: Some(time("2025-10-09T08:53:20Z")),
        };
        assert_eq!(found(aws.service.describe_action(REGION, "Quarantine").await), defined);

        // The same as it was applied.
        aws.answer(json!({ "actionsDefinition": [
            { "name": "Quarantine", "id": "1c9d2f6e", "roleArn": role, "actionParams": params },
        ]}));
        let applied = ActionDefinition {
            type_: None,
            last_modified: None,
            ..defined
        };
        let DescribeAnswer::Found(described) = aws.service.describe(&address("one")).await else {
            panic!("not found")
        };
        assert_eq!(described.actions, Some(vec![applied]));
    }
    aws.answer(json!({ "actionParams": { "publishFindingToSnsParams": { "topicArn": "arn:t" } } }));
    let nameless = found(aws.service.describe_action(REGION, "Quarantine").await);
    assert_eq!((nameless.name.as_str(), nameless.id), ("Quarantine", None));
    assert_eq!(aws.asked().1, "/mitigationactions/actions/Quarantine");
}

/// An approval is of what the action does: what can't be shown, or looks like something else, is not approved.
#[tokio::test]
async fn an_action_that_nobody_can_tell_apart_is_no_answer() {
    let aws = Answering::new().await;
    let groups = |names: &[&str]| json!({ "addThingsToThingGroupParams": { "thingGroupNames": names } });
    let topic = |arn: &str| json!({ "publishFindingToSnsParams": { "topicArn": arn } });
    let long = "a".repeat(2_049);
    for (change, says) in [
        (json!({ "actionParams": null }), "doesn't know"),
        (json!({ "actionParams": {} }), "doesn't know"),
        (
            json!({ "actionParams": { "deleteEverythingParams": { "sure": true } } }),
            "doesn't know",
        ),
        (json!({ "actionParams": groups(&[]) }), "doesn't know"),
        (
            json!({ "actionParams": groups(&["a,b"]) }),
            "a thing group with a comma",
        ),
        (
            json!({ "actionParams": topic(&long) }),
            "a parameter that no action can have",
        ),
        (
            json!({ "actionParams": {
                "updateDeviceCertificateParams": { "action": "DEACTIVATE" },
                "updateCACertificateParams": { "action": "DEACTIVATE" },
            }}),
            "parameters of two kinds",
        ),
        (json!({ "roleArn": long }), "an ARN that no role can have"),
        (json!({ "id": long, "actionId": long }), "an id that no action can have"),
        (
            json!({ "name": long, "actionName": long }),
            "a name that no action can have",
        ),
    ] {
        let mut answer = json!({ "name": "Notify", "actionName": "Notify", "actionParams": topic("arn:t") });
        let (answered, changed) = (answer.as_object_mut().unwrap(), change.as_object().unwrap());
        answered.extend(changed.clone());
        aws.answer(answer.clone());
        let failure = failed(aws.service.describe_action(REGION, "Notify").await);
        is_unexpected(&failure, Paced::DescribeAction, says);
        // A task goes on all the same.
        aws.answer(json!({ "taskStatus": "COMPLETED", "actionsDefinition": [answer] }));
        let DescribeAnswer::Found(described) = aws.service.describe(&address("one")).await else {
            panic!("not found")
        };
        assert_eq!(described.actions, None, "{says}");
    }
    aws.answer(json!({ "actionType": "T".repeat(129), "actionParams": topic("arn:t") }));
    let failure = failed(aws.service.describe_action(REGION, "Notify").await);
    is_unexpected(&failure, Paced::DescribeAction, "a type that no action can have");
    let many = vec![json!({ "name": "Notify", "actionParams": topic("arn:t") }); 101];
    for untold in [
        json!({}),
        json!({ "actionsDefinition": [] }),
        json!({ "actionsDefinition": many }),
    ] {
        aws.answer(untold);
        let DescribeAnswer::Found(described) = aws.service.describe(&address("one")).await else {
            panic!("not found")
        };
        assert_eq!(described.actions, None);
    }
}

#[tokio::test]
async fn scheduled_audits_of_a_time_are_listed() {
    let aws = Answering::new().await;
    aws.answer(json!({
        "tasks": [
            { "taskId": "a-2", "taskStatus": "IN_PROGRESS", "taskType": "SCHEDULED_AUDIT_TASK" },
            { "taskId": "a-1", "taskStatus": "COMPLETED", "taskType": "SCHEDULED_AUDIT_TASK" },
        ],
        "nextToken": "two",
    }));
    let (from, to) = (time("2025-10-01T00:00:00Z"), time("2025-10-09T08:53:20.123Z"));
    let page = aws.service.list_audits(REGION, from, to, Some("one")).await.unwrap();
    let listed = |id: &str, state| ListedAudit {
        id: id.to_owned(),
        state,
    };
    assert_eq!(
        page.audits,
        [
            listed("a-2", AuditState::InProgress),
            listed("a-1", AuditState::Completed)
        ]
    );
    assert_eq!(page.next_token.as_deref(), Some("two"));
    let (method, uri, body) = aws.asked();
    assert_eq!((method.as_str(), body), ("GET", None));
    let (path, query) = uri.split_once('?').unwrap();
    let mut query: Vec<&str> = query.split('&').collect();
    query.sort_unstable();
    assert_eq!(path, "/audit/tasks");
    assert_eq!(
        query,
        [
            "endTime=2025-10-09T08%3A53%3A20.123Z",
            "maxResults=250",
            "nextToken=one",
            "startTime=2025-10-01T00%3A00%3A00Z",
            "taskType=SCHEDULED_AUDIT_TASK",
        ]
    );

    for (answer, says) in [
        // The one without a name may be the newest.
        (
            json!({ "tasks": [{ "taskStatus": "COMPLETED" }] }),
            "an audit whose id no audit can have",
        ),
        (
            json!({ "tasks": [{ "taskId": "a".repeat(129) }] }),
            "an audit whose id no audit can have",
        ),
        (
            json!({ "tasks": vec![json!({ "taskId": "a" }); 251] }),
            "more than 250 audits in a page",
        ),
        (
            json!({ "nextToken": "one" }),
            "a page that names itself as the next one",
        ),
    ] {
        aws.answer(answer);
        let failure = aws
            .service
            .list_audits(REGION, from, to, Some("one"))
            .await
            .unwrap_err();
        is_unexpected(&failure, Paced::ListAudits, says);
    }
}

#[tokio::test]
async fn a_schedule_is_described_as_it_is() {
    let aws = Answering::new().await;
    for (text, frequency) in [
        ("DAILY", Some(Frequency::Daily)),
        ("WEEKLY", Some(Frequency::Weekly)),
        ("BIWEEKLY", Some(Frequency::Biweekly)),
        ("MONTHLY", Some(Frequency::Monthly)),
        ("HOURLY", None),
    ] {
        aws.answer(json!({ "frequency": text, "targetCheckNames": ["B_CHECK", "A_CHECK", "", "B_CHECK"] }));
        let expected = ScheduledAudit {
            frequency,
            checks: vec!["A_CHECK".to_owned(), "B_CHECK".to_owned()],
        };
        assert_eq!(
            found(aws.service.describe_schedule(REGION, "DailyAudit").await),
            expected
        );
    }
    let asked = ("GET".to_owned(), "/audit/scheduledaudits/DailyAudit".to_owned(), None);
    assert_eq!(aws.asked(), asked);
    let many: Vec<String> = (0..101).map(|n| format!("CHECK_{n}")).collect();
    for (checks, says) in [
        (json!(["A".repeat(129)]), "a name that no check can have"),
        (json!(many), "more than 100 checks"),
    ] {
        aws.answer(json!({ "targetCheckNames": checks }));
        let failure = failed(aws.service.describe_schedule(REGION, "DailyAudit").await);
        is_unexpected(&failure, Paced::DescribeSchedule, says);
    }
}

/// What isn't there is told from what can't be read, and a failure names the call and its IAM action.
#[tokio::test]
async fn each_read_says_what_is_not_there_and_what_is_denied() {
    let account = Account::new();
    let service = &account.service;
    assert_eq!(service.describe_audit(REGION, "none").await, ReadAnswer::NotFound);
    assert_eq!(service.describe_finding(REGION, "none").await, ReadAnswer::NotFound);
    assert_eq!(service.describe_action(REGION, "none").await, ReadAnswer::NotFound);
    assert_eq!(service.describe_schedule(REGION, "none").await, ReadAnswer::NotFound);
    account
        .simulator
        .inject(Fault::new(crate::error(400, "InvalidRequestException")).times(1));
    let refused = failed(service.describe_audit(REGION, "a").await);
    assert_eq!(
        refused.message,
        "DescribeAuditTask was refused as an invalid request (said by the service); check the ids and names in the spec"
    );
    let now = Timestamp::now();
    for (kind, class) in [
        (FaultKind::AccessDenied, ErrorClass::AccessDenied),
        (FaultKind::Throttle, ErrorClass::Throttled),
        (FaultKind::Unavailable, ErrorClass::ServiceUnavailable),
        (FaultKind::Garbage, ErrorClass::UnexpectedAnswer),
    ] {
        account.simulator.clear_faults();
        account.simulator.inject(Fault::new(kind));
        for (operation, failure) in [
            (Paced::DescribeAudit, failed(service.describe_audit(REGION, "a").await)),
            (
                Paced::DescribeFinding,
                failed(service.describe_finding(REGION, "f").await),
            ),
            (
                Paced::DescribeAction,
                failed(service.describe_action(REGION, "A").await),
            ),
            (
                Paced::DescribeSchedule,
                failed(service.describe_schedule(REGION, "D").await),
            ),
            (
                Paced::ListFindings,
                service.list_findings(REGION, "a", "C", None).await.unwrap_err(),
            ),
            (
                Paced::ListAudits,
                service.list_audits(REGION, now, now, None).await.unwrap_err(),
            ),
        ] {
            assert_eq!(failure.class, class, "{failure:?}");
            assert!(failure.message.contains(operation.name()), "{failure:?}");
            let is_denied = failure.message.contains(&format!("iot:{}", operation.name()));
            assert_eq!(is_denied, class == ErrorClass::AccessDenied, "{failure:?}");
        }
    }
}
