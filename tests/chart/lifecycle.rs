//! Installed by the real helm on a real API server, with the operator run exactly as the installed Deployment says and
//! RBAC enforced: a verb that is missing fails these tests.

use std::collections::BTreeSet;

use audit_mitigation_operator::api::{AuditMitigationPolicy, Phase};
use audit_mitigation_operator::check::rights::{LEASE, LEASES, WATCHED};
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::json;
use simulator::{Fault, FaultKind, Operation, Outcome, Problem, Schedule};
use support::{Process, eventually};
use tokio::net::TcpStream;

use crate::helm::EACH;
use crate::installed::{Installed, LIMIT, NAME};

/// The service account of the release.
const ACCOUNT: &str = "system:serviceaccount:system:amo-audit-mitigation-operator";

/// Everything that the operator needs a right for: list, watch, get, patch, status, events, delete, its Lease.
async fn does_its_work(installed: &Installed, namespace: &str, run: &str) {
    let mut operator = installed.start_operator().await;
    let name = |what: &str| format!("{what}-{run}");

    let completed = name("completed");
    installed.create(namespace, &completed, &json!({})).await;
    installed
        .phase(namespace, &completed, Phase::Completed, &operator)
        .await;
    installed
        .until_event(namespace, &completed, "Completed", &operator)
        .await;

    let canceled = name("canceled");
    installed.aws.set_outcome("*", Outcome::held());
    installed
        .create(namespace, &canceled, &json!({ "taskId": canceled }))
        .await;
    installed.phase(namespace, &canceled, Phase::Running, &operator).await;
    let tasks = installed.tasks(namespace);
    tasks.delete(&canceled, &DeleteParams::default()).await.unwrap();
    installed.until_gone(namespace, &canceled, &operator).await;
    assert_eq!(installed.aws.task(&canceled).unwrap().status, "CANCELED");
    installed.aws.clear_outcomes();

    let short = name("short-lived");
    installed
        .create(namespace, &short, &json!({ "ttlSecondsAfterFinished": 0 }))
        .await;
    installed.until_gone(namespace, &short, &operator).await;

    // A start whose answer nobody saw is sent again after a look at the resource itself, past the watch.
    let unanswered = name("unanswered");
    let lost = Fault::new(FaultKind::Cut).on(Operation::START);
    installed.aws.inject(lost.task(&unanswered).times(1));
    installed
        .create(namespace, &unanswered, &json!({ "taskId": unanswered }))
        .await;
    installed
        .phase(namespace, &unanswered, Phase::Completed, &operator)
        .await;

    // An event that repeats is counted in the first.
    let rejected = name("rejected");
    let invalid = FaultKind::Error {
        status: 400,
        code: "InvalidRequestException".to_owned(),
        message: String::new(),
    };
    let fault = Fault::new(invalid).on(Operation::START).task(&rejected);
    installed.aws.inject(fault);
    installed
        .create(namespace, &rejected, &json!({ "taskId": rejected }))
        .await;
    installed.phase(namespace, &rejected, Phase::Rejected, &operator).await;
    for (suspend, phase) in [(true, Phase::Suspended), (false, Phase::Rejected)] {
        installed
            .edit(namespace, &rejected, &json!({ "suspend": suspend }))
            .await;
        installed.phase(namespace, &rejected, phase, &operator).await;
    }
    installed.until_repeated(namespace, &rejected, &operator).await;
    installed.aws.clear_faults();

    follows_a_policy(installed, namespace, run, &operator).await;

    let log = operator.log();
    assert!(!log.contains("forbidden"), "{log}");
    let ended = operator.stop(LIMIT).await.unwrap();
    assert!(ended.success(), "{ended}: {}", operator.log());
}

/// An audit of a policy's schedule leads to a task, which the operator creates.
async fn follows_a_policy(installed: &Installed, namespace: &str, run: &str, operator: &Process) {
    const CHECK: &str = "LOGGING_DISABLED_CHECK";
    let name = format!("policy-{run}");
    installed.aws.add_schedule(Schedule::new(&name, [CHECK])).unwrap();
    installed.aws.add_problem(&Problem::new(CHECK)).unwrap();
    let policies: Api<AuditMitigationPolicy> = Api::namespaced(installed.client.clone(), namespace);
    let policy = serde_json::from_value(json!({
        "apiVersion": "devicedefender.dev/v1alpha1", "kind": "AuditMitigationPolicy", "metadata": { "name": name },
        "spec": {
            "scheduledAuditName": name,
            "auditCheckToActionsMapping": { CHECK: ["EnableLogging"] },
            "approval": { "requiredAbove": { "percent": 100 } },
        },
    }));
    let created = policies.create(&PostParams::default(), &policy.unwrap()).await.unwrap();
    let created = created.metadata.creation_timestamp.unwrap().0;
    installed.until_audits_count(created).await;
    let audit = installed.aws.run_schedule(&name).unwrap();
    let task = format!("{name}-{audit}");
    installed.phase(namespace, &task, Phase::Completed, operator).await;
    policies.delete(&name, &DeleteParams::default()).await.unwrap();
}

/// What a role grants and nobody uses is a right too many.
async fn uses_each_right(installed: &Installed) {
    let granted: BTreeSet<_> = WATCHED
        .iter()
        .chain([&LEASES, &LEASE])
        .flat_map(|rights| rights.verbs.iter().map(|verb| format!("{verb} {}", rights.resource)))
        // A policy is read before it makes a task, unless its status was written, and so read back, a moment before.
        .filter(|right| right != "get auditmitigationpolicies")
        .collect();
    eventually(LIMIT, "each right is in the log of what was done", async || {
        let requests = installed
            .cluster
            .requests_by(ACCOUNT)
            .map_err(|error| error.to_string())?;
        let used: BTreeSet<_> = requests
            .iter()
            // The Lease isn't there when it is looked for, which is a use of the right, too.
            .filter(|request| request.code != 403)
            .map(|request| format!("{} {}", request.verb, request.resource))
            .collect();
        let unused: Vec<_> = granted.difference(&used).collect();
        if unused.is_empty() {
            Ok(())
        } else {
            Err(format!("{unused:?} of {used:?}"))
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_release_for_all_namespaces_works_is_uninstalled_and_installed_again() {
    for helm in EACH {
        let installed = Installed::new(helm, &["fleet"], "").await;
        does_its_work(&installed, "fleet", "first").await;
        uses_each_right(&installed).await;
        let leases = ["get", "leases", "--namespace", "system", "--output", "name"];
        let leases_found = installed.cluster.kubectl_ok(&leases).await.unwrap();
        assert_eq!(leases_found.trim(), format!("lease.coordination.k8s.io/{NAME}"));

        installed.helm(&["uninstall", "amo"]);
        let kept = installed.tasks("fleet").get("completed-first").await.unwrap();
        assert_eq!(kept.status.unwrap().phase, Some(Phase::Completed), "the CRD stayed");
        assert!(!installed.may(ACCOUNT, "fleet", "list", "auditmitigationtasks").await);

        installed.install_again();
        does_its_work(&installed, "fleet", "second").await;
    }
}

#[tokio::test]
async fn a_release_for_some_namespaces_works_there_and_sees_no_other() {
    for helm in EACH {
        let installed = Installed::new(helm, &["watched", "other"], "watchNamespaces={watched}").await;
        let resource = "auditmitigationtasks";
        assert!(installed.may(ACCOUNT, "watched", "list", resource).await);
        assert!(!installed.may(ACCOUNT, "other", "list", resource).await);
        assert!(!installed.may(ACCOUNT, "system", "list", resource).await);
        does_its_work(&installed, "watched", "first").await;
    }
}

/// The address that the Deployment names is that of a pod with addresses of IPv4, of IPv6, or of both.
#[tokio::test]
async fn probes_are_answered_on_both_families_of_addresses() {
    let installed = Installed::new(EACH[0], &[], "").await;
    let mut operator = installed.start_operator().await;
    let arguments = installed.arguments().await;
    let address = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("--http-addr=[::]:"));
    let port: u16 = address.unwrap().parse().unwrap();
    for host in ["127.0.0.1", "::1"] {
        eventually(LIMIT, &format!("it listens on {host}"), async || {
            TcpStream::connect((host, port)).await.map(|_| ())
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}\n{}", operator.log()));
    }
    operator.stop(LIMIT).await.unwrap();
}

/// What the operator never does it may not do.
#[tokio::test]
async fn rights_are_few_also_for_users() {
    let installed = Installed::new(EACH[0], &["fleet"], "").await;
    for (verb, resource) in [
        ("update", "auditmitigationtasks"),
        ("deletecollection", "auditmitigationtasks"),
        ("approve", "auditmitigationtasks"),
        ("create", "auditmitigationpolicies"),
        ("patch", "auditmitigationpolicies"),
        ("delete", "auditmitigationpolicies"),
        ("approve", "auditmitigationpolicies"),
        ("update", "auditmitigationpolicies/status"),
        ("update", "auditmitigationtasks/status"),
        ("list", "secrets"),
        ("get", "configmaps"),
        ("list", "events.events.k8s.io"),
        ("create", "events"),
        ("get", "leases.coordination.k8s.io"),
        ("list", "namespaces"),
    ] {
        assert!(
            !installed.may(ACCOUNT, "fleet", verb, resource).await,
            "{verb} {resource}"
        );
        assert!(
            !installed.may(ACCOUNT, "system", verb, resource).await,
            "{verb} {resource} in its namespace"
        );
    }
    let lease = format!("leases.coordination.k8s.io/{NAME}");
    assert!(installed.may(ACCOUNT, "system", "update", &lease).await);
    assert!(!installed.may(ACCOUNT, "system", "delete", &lease).await);

    for role in ["view", "edit", "admin"] {
        let binding = ["create", "rolebinding", role, "--clusterrole", role, "--user", role];
        let args = [&binding[..], &["--namespace", "fleet"]].concat();
        installed.cluster.kubectl_ok(&args).await.unwrap();
        // A controller gathers the roles.
        eventually(LIMIT, &format!("{role} sees the resources"), async || {
            if installed.may(role, "fleet", "list", "auditmitigationtasks").await {
                Ok(())
            } else {
                Err("not yet")
            }
        })
        .await
        .unwrap();
        assert!(installed.may(role, "fleet", "list", "auditmitigationpolicies").await);
        for resource in ["auditmitigationtasks", "auditmitigationpolicies"] {
            for verb in ["create", "patch", "delete", "approve"] {
                assert!(
                    !installed.may(role, "fleet", verb, resource).await,
                    "{role} {verb} {resource}"
                );
            }
        }
    }
}

/// Under the guard for tenants, what its rules allow takes its whole course.
#[tokio::test]
async fn the_guard_for_tenants_is_not_in_the_operators_way() {
    let rule = "namespaces={fleet},tenantGuard.rules[0].checks={*},tenantGuard.rules[0].actions={*},\
                tenantGuard.rules[0].regions={default},tenantGuard.rules[0].wholeAudits=true";
    let guard =
        format!("tenantGuard.enabled=true,tenantGuard.requireNamespacePrefix=false,tenantGuard.rules[0].{rule}");
    let installed = Installed::new(EACH[0], &["fleet"], &guard).await;
    let tasks = installed.tasks("fleet");
    let probe = Installed::task("probe", &json!({ "region": "us-east-1" }));
    eventually(LIMIT, "the guard is in force", async || {
        let dry_run = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        match tasks.create(&dry_run, &probe).await {
            Err(error) if error.to_string().contains("may use the regions default") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
    does_its_work(&installed, "fleet", "guarded").await;
}

/// Under the guard for approvals the operator does all that it does, and a task waits for whoever has the verb: by the
/// command that its status shows.
#[tokio::test]
async fn the_guard_for_approvals_is_not_in_the_operators_way() {
    let guard = "approvalGuard.enabled=true,approvalGuard.required=true,approvalGuard.maxFindings=0";
    let installed = Installed::new(EACH[0], &["fleet"], guard).await;
    for (role, user) in [("edit", "editor"), ("edit", "approver"), ("approve", "approver")] {
        let binding = format!("{user}-{role}");
        let (role, user) = (format!("--clusterrole=system-{NAME}-{role}"), format!("--user={user}"));
        let create = ["create", "rolebinding", &binding, &role, &user, "--namespace", "fleet"];
        installed.cluster.kubectl_ok(&create).await.unwrap();
    }
    let [editor, approver] = ["editor", "approver"].map(|user| installed.cluster.kubeconfig_for(user, None).unwrap());
    let approval = json!({ "requiredAbove": { "findings": 0 } });
    let task = Installed::task("task", &json!({ "approval": approval }));
    let free = Installed::task("free", &json!({})).spec;
    let free = json!({ "apiVersion": "devicedefender.dev/v1alpha1", "kind": "AuditMitigationTask",
        "metadata": { "name": "free", "namespace": "fleet" }, "spec": free });
    eventually(LIMIT, "the guard is in force", async || {
        let create = ["create", "--dry-run=server", "--filename=-"];
        let output = installed
            .cluster
            .kubectl_as(&editor, &create, &free.to_string())
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let is_refused = said.contains("without spec.approval you need the verb approve");
        if is_refused { Ok(()) } else { Err(said) }
    })
    .await
    .unwrap();
    installed
        .tasks("fleet")
        .create(&PostParams::default(), &task)
        .await
        .unwrap();
    let mut operator = installed.start_operator().await;
    installed
        .phase("fleet", "task", Phase::AwaitingApproval, &operator)
        .await;
    let waiting = json!(installed.tasks("fleet").get("task").await.unwrap());
    let conditions = waiting["status"]["conditions"].as_array().unwrap();
    let ready = conditions
        .iter()
        .find(|condition| condition["type"] == "Ready")
        .unwrap();
    let (_, command) = ready["message"].as_str().unwrap().split_once("kubectl ").unwrap();
    // As a shell takes it: the quotes are around one word.
    let args: Vec<&str> = command.split(' ').map(|word| word.trim_matches('\'')).collect();
    let refused = installed.cluster.kubectl_as(&editor, &args, "").await.unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    let words =
        "to set or change spec.approval.plan you need the verb approve on auditmitigationtasks in namespace fleet";
    assert!(said.contains(words), "{said}");
    assert_eq!(installed.aws.tasks(), []);
    let taken = installed.cluster.kubectl_as(&approver, &args, "").await.unwrap();
    let said = String::from_utf8_lossy(&taken.stderr);
    assert!(taken.status.success(), "{said}");
    installed.phase("fleet", "task", Phase::Completed, &operator).await;
    // Who it was, as docs/tenants.md says.
    let metadata = installed.tasks("fleet").get("task").await.unwrap().metadata;
    let has_approved = metadata.managed_fields.unwrap().into_iter().any(|entry| {
        entry.manager.as_deref() == Some("kubectl-patch")
            && json!(entry.fields_v1)["f:spec"]["f:approval"]["f:plan"].is_object()
    });
    assert!(has_approved);
    operator.stop(LIMIT).await.unwrap();

    does_its_work(&installed, "fleet", "guarded").await;
}

/// The file that the Secret holds is what signs the calls, by the profile that the values name.
#[tokio::test]
async fn mounted_credentials_are_used() {
    let values = "aws.credentials.secretName=aws,aws.credentials.secretKey=keys,aws.credentials.profile=fleet";
    let installed = Installed::prepared(EACH[0], &["fleet"], values).await;
    let keys = "[default]\naws_access_key_id=AKIADEFAULT\naws_secret_access_key=a\n\
                [fleet]\naws_access_key_id=AKIAMOUNTED\naws_secret_access_key=b\n";
    let literal = format!("--from-literal=keys={keys}");
    let secret = ["create", "secret", "generic", "aws", "--namespace", "system", &literal];
    installed.cluster.kubectl_ok(&secret).await.unwrap();
    installed.install_again();
    let mut operator = installed.start_operator().await;
    installed.create("fleet", "task", &json!({})).await;
    installed.phase("fleet", "task", Phase::Completed, &operator).await;
    let calls = installed.aws.calls();
    assert!(calls.iter().all(|call| call.access_key == "AKIAMOUNTED"), "{calls:?}");
    operator.stop(LIMIT).await.unwrap();
}

#[tokio::test]
async fn two_releases_of_one_name_work_side_by_side() {
    let installed = Installed::new(EACH[0], &["one", "two", "second"], "watchNamespaces={one}").await;
    installed.install_beside("second", "watchNamespaces={two},crds.install=false");
    let mut first = installed.start_operator().await;
    // Nobody looks after the second's namespace yet, whatever the first does.
    installed.create("two", "waiting", &json!({})).await;
    installed.create("one", "task", &json!({})).await;
    installed.phase("one", "task", Phase::Completed, &first).await;
    let waiting = installed.tasks("two").get("waiting").await.unwrap();
    assert_eq!(waiting.status.unwrap().phase, None);
    assert_eq!(waiting.metadata.finalizers, None);

    let mut second = installed.start_operator_of("second").await;
    installed.phase("two", "waiting", Phase::Completed, &second).await;
    for (namespace, operator) in [("one", &first), ("two", &second)] {
        installed.create(namespace, "both", &json!({})).await;
        installed.phase(namespace, "both", Phase::Completed, operator).await;
    }
    // Each its own Lease, held by a process of its own.
    let mut holders = Vec::new();
    for namespace in ["system", "second"] {
        let leases = ["get", "leases", "--namespace", namespace];
        let output = [
            "--output",
            "jsonpath={range .items[*]}{.metadata.name} {.spec.holderIdentity}\n{end}",
        ];
        let text = installed
            .cluster
            .kubectl_ok(&[&leases[..], &output].concat())
            .await
            .unwrap();
        let holder = text.trim().strip_prefix(NAME).unwrap().trim().to_owned();
        assert!(!holder.is_empty() && !holder.contains('\n'), "{text}");
        holders.push(holder);
    }
    assert_ne!(holders[0], holders[1]);
    let tasks = installed.aws.tasks();
    assert_eq!(tasks.len(), 4, "{tasks:?}");
    for operator in [&mut first, &mut second] {
        let log = operator.log();
        assert!(!log.contains("forbidden"), "{log}");
        operator.stop(LIMIT).await.unwrap();
    }
}
