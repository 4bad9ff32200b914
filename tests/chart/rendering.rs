//! Every set of values is taken by both helms, and what is wrong is refused with words that help.

use serde_json::Value;

use crate::helm::{EACH, path, the};
use crate::{chart, value_sets};

#[test]
fn helm_lint_finds_nothing() {
    for helm in EACH {
        for set in value_sets() {
            helm.ok(&["lint", "--strict", path(&chart()), "--values", path(&set)]);
        }
    }
}

#[test]
fn both_helms_render_the_same_and_the_same_again() {
    for set in value_sets() {
        let args = ["--values", path(&set)];
        let [three, four] = EACH.map(|helm| helm.template("fleet", &args));
        assert_eq!(sorted(&three), sorted(&four), "{}", set.display());
        assert_eq!(EACH[0].template("fleet", &args), three, "nothing is random or dated");
    }
}

/// The objects without regard to their order, in which the two helms differ.
fn sorted(text: &str) -> Vec<String> {
    let mut objects: Vec<String> = crate::helm::objects(text).iter().map(Value::to_string).collect();
    objects.sort();
    objects
}

#[test]
fn what_can_not_be_meant_is_refused() {
    for (arguments, said) in [
        (&["replicaCounts=3"][..], "replicaCounts"),
        (&["image.tagg=1"], "tagg"),
        (&["metrics.service.prot=1"], "prot"),
        (&["image.digest=latest"], "digest"),
        (&["log.format=xml"], "format"),
        (&["aws.region=Frankfurt"], "region"),
        (&["aws.endpointUrl=iot.example.com"], "endpointUrl"),
        (&["replicaCount=two"], "replicaCount"),
        (&["limits.maxRunningTasks=0"], "maxRunningTasks"),
        (&["limits.maxStartRate=-1"], "maxStartRate"),
        (&["limits.maxPollInterval=60"], "maxPollInterval"),
        (&["limits.cancelTimeout=soon"], "cancelTimeout"),
        (&["leaderElection.leaseName=A"], "leaseName"),
        (&["serviceMonitor.interval=often"], "interval"),
        (&["podDisruptionBudget.minAvailable=half"], "minAvailable"),
        (&["extraArgs[0]=run"], "extraArgs"),
        (&["prometheusRule.extraGroups[0].name=a"], "rules"),
        (
            &["prometheusRule.enabled=true", "prometheusRule.disabledAlerts[0]=None"],
            "there is no alert None",
        ),
        (&["terminationGracePeriodSeconds=35"], "terminationGracePeriodSeconds"),
        (&["metrics.address=[::]"], "address"),
        (&["metrics.address=localhost"], "address"),
        (&["metrics.service.ipFamilies={IPv5}"], "ipFamilies"),
        (&["metrics.service.ipFamilyPolicy=DualStack"], "ipFamilyPolicy"),
        (&["openshift.adaptSecurityContext=yes"], "adaptSecurityContext"),
        (&["initContainers[0].image=a"], "initContainers"),
        (&["extraContainers[0].image=a"], "extraContainers"),
        (
            &["prometheusRule.additionalAggregationLabels={a-b}"],
            "additionalAggregationLabels",
        ),
        (&["watchNamespaces[0]=Fleet"], "watchNamespaces"),
        (&["watchNamespaces[0]=a", "watchNamespaces[1]=a"], "watchNamespaces"),
        (&["leaderElection.enabled=false"], "set replicaCount to 1"),
        (
            &["serviceMonitor.enabled=true", "metrics.service.enabled=false"],
            "podMonitor.enabled",
        ),
        (&["serviceAccount.create=false"], "set serviceAccount.name"),
    ] {
        let set: Vec<&str> = arguments.iter().flat_map(|argument| ["--set", argument]).collect();
        for helm in EACH {
            let chart = chart();
            let text = helm.refused(&[&["template", "amo", path(&chart)], &set[..]].concat());
            assert!(text.contains(said), "{} says of {arguments:?}: {text}", helm.name());
        }
    }
    for helm in EACH {
        let text = helm.refused(&["lint", path(&chart()), "--set", "replicaCounts=3"]);
        assert!(text.contains("replicaCounts"), "{text}");
    }
}

/// A misspelt key is refused wherever it stands, not only where the table above looks.
#[test]
fn no_object_takes_a_key_that_it_does_not_know() {
    let schema: Value = serde_json::from_str(&crate::file("values.schema.json")).unwrap();
    let mut closed = Vec::new();
    closed_objects("", &schema, &mut closed);
    assert!(closed.len() > 20, "{closed:?}");
    for at in closed {
        let misspelt = format!("{at}misspelt=1");
        let text = EACH[1].refused(&["template", "amo", path(&chart()), "--set", &misspelt]);
        assert!(text.contains("misspelt"), "{misspelt}: {text}");
    }
}

/// The paths of the objects whose members the schema lists, each with a dot at its end.
fn closed_objects(at: &str, schema: &Value, found: &mut Vec<String>) {
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    found.push(at.to_owned());
    for (name, property) in properties {
        closed_objects(&format!("{at}{name}."), property, found);
    }
}

/// A parent chart shares its globals with this one.
#[test]
fn globals_of_a_parent_are_accepted() {
    for helm in EACH {
        helm.template("fleet", &["--set", "global.region=eu"]);
    }
}

/// The names that don't belong to a namespace differ between releases of one name.
#[test]
fn releases_of_one_name_in_two_namespaces_share_no_object() {
    let named = |namespace: &str| -> Vec<(Value, Value, Value)> {
        let objects = EACH[0].objects(namespace, &["--set", "crds.install=false,watchNamespaces={shared}"]);
        let identity = |object: &Value| {
            let metadata = &object["metadata"];
            (
                object["kind"].clone(),
                metadata["namespace"].clone(),
                metadata["name"].clone(),
            )
        };
        objects.iter().map(identity).collect()
    };
    let (one, two) = (named("one"), named("two"));
    assert!(one.len() > 8, "{one:?}");
    assert!(one.iter().all(|object| !two.contains(object)), "{one:?} {two:?}");
}

#[test]
fn watched_namespaces_leave_no_right_in_the_others() {
    let objects = EACH[0].objects("fleet", &["--set", "watchNamespaces={a,b}"]);
    assert!(objects.iter().all(|object| object["kind"] != "ClusterRoleBinding"));
    let namespaces: Vec<&Value> = objects
        .iter()
        .filter(|object| object["kind"] == "RoleBinding")
        .map(|object| &object["metadata"]["namespace"])
        .collect();
    assert_eq!(namespaces.len(), 3);
    for namespace in ["a", "b", "fleet"] {
        assert!(namespaces.iter().any(|found| *found == namespace), "{namespaces:?}");
    }
}

#[test]
fn no_role_has_a_wildcard_and_no_user_writes_the_status() {
    for set in value_sets() {
        for object in EACH[0].objects("fleet", &["--values", path(&set)]) {
            let Some(rules) = object["rules"].as_array() else {
                continue;
            };
            let name = object["metadata"]["name"].as_str().unwrap();
            for rule in rules {
                let text = rule.to_string();
                assert!(!text.contains('*'), "{name}: {text}");
                let for_users = ["-view", "-edit", "-approve"].iter().any(|role| name.ends_with(role));
                assert!(!(for_users && text.contains("/status")), "{name}: {text}");
            }
        }
    }
}

#[test]
fn only_those_may_start_tasks_whom_the_values_name() {
    let labels = |set: &str, role: &str| -> Vec<String> {
        let objects = EACH[0].objects("fleet", &["--set", set]);
        let role = objects
            .iter()
            .find(|object| object["metadata"]["name"] == format!("fleet-amo-audit-mitigation-operator-{role}"))
            .unwrap();
        let labels = role["metadata"]["labels"].as_object().unwrap();
        let aggregated = labels
            .keys()
            .filter_map(|key| key.strip_prefix("rbac.authorization.k8s.io/"));
        aggregated.map(str::to_owned).collect()
    };
    let none: [&str; 0] = [];
    assert_eq!(labels("replicaCount=2", "view"), ["aggregate-to-view"]);
    assert_eq!(labels("replicaCount=2", "edit"), none);
    assert_eq!(labels("rbac.aggregateToView=false", "view"), none);
    assert_eq!(labels("rbac.aggregateToEdit=true", "edit"), ["aggregate-to-edit"]);
    assert_eq!(labels("rbac.aggregateToAdmin=true", "edit"), ["aggregate-to-admin"]);
}

/// A name stands once in the list of variables, which helm 4 and the API server insist on: the user's.
#[test]
fn a_variable_of_the_user_wins() {
    let set = "aws.region=eu-central-1,extraEnv[0].name=AWS_REGION,extraEnv[0].value=us-east-1";
    let objects = EACH[0].objects("fleet", &["--set", set]);
    let container = &the(&objects, "Deployment")["spec"]["template"]["spec"]["containers"][0];
    let mut regions = container["env"].as_array().unwrap().clone();
    regions.retain(|variable| variable["name"] == "AWS_REGION");
    assert_eq!(
        regions,
        [serde_json::json!({ "name": "AWS_REGION", "value": "us-east-1" })]
    );
}

/// SIGKILL must not come before the operator has brought to its end what is under way.
#[test]
fn a_pod_has_more_time_to_end_than_the_operator_takes() {
    let objects = crate::helm::objects(&EACH[0].template("fleet", &[]));
    let deployment = objects.iter().find(|object| object["kind"] == "Deployment").unwrap();
    let grace = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].as_u64();
    let longest = audit_mitigation_operator::run::LONGEST_SHUTDOWN.as_secs();
    assert!(grace.unwrap() > longest, "{grace:?}, and it may take {longest} s");
    assert_eq!(
        longest, 35,
        "as values.schema.json, values.yaml and docs/operating.md say"
    );
}
