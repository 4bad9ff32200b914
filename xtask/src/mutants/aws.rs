//! Protections where the service's answers enter, and where calls go out.

use super::{Mutant, Tests, cluster, mutant, unit};

const CLASSIFY: &str = "src/aws/classify.rs";
const CLIENTS: &str = "src/aws/clients.rs";
const SERVICE: &str = "src/aws/service.rs";
const SHAPES: &str = "src/aws/shapes.rs";
const ANSWER_LIMIT: &str = "src/aws/answer_limit.rs";
const FAILED_ACTIONS: &str = "src/aws/failed_actions.rs";
const ENDPOINT: &str = "src/aws/endpoint.rs";

const AWS: Tests = Tests {
    binary: &["--test", "aws"],
    names: &[],
    slow: &[],
};
const FUZZ: Tests = Tests {
    binary: &["--test", "fuzz"],
    names: &[],
    slow: &[],
};

pub(super) const MUTANTS: &[Mutant] = &[
    mutant(
        "a-server-error-is-a-refusal",
        "an error of the service's own doesn't say that nothing was done",
        CLASSIFY,
        "(_, 500..) => (Trouble::ServiceUnavailable, Effect::Unknown)",
        "(_, 500..) => (Trouble::ServiceUnavailable, Effect::None)",
    )
    .by(AWS),
    mutant(
        "no-answer-is-a-refusal",
        "a request that may have arrived may have taken effect",
        CLASSIFY,
        "may_have_arrived: was_sent && !never_connected",
        "may_have_arrived: was_sent && !never_connected && false",
    )
    .by(AWS),
    mutant(
        "half-an-answer-is-an-answer",
        "an answer that breaks off says nothing",
        CLASSIFY,
        "    response.body().bytes().is_some() || ",
        "    response.body().bytes().is_some() || true || ",
    )
    .by(FUZZ),
    mutant(
        "an-unknown-error-is-a-refusal",
        "an error that the service doesn't document proves nothing",
        CLASSIFY,
        "_ => (Trouble::UnexpectedAnswer, Effect::Unknown)",
        "_ => (Trouble::UnexpectedAnswer, Effect::None)",
    )
    .by(AWS),
    mutant(
        "texts-without-a-bound",
        "texts of the service are bounded",
        CLASSIFY,
        "const MAX_MESSAGE: usize = 512;",
        "const MAX_MESSAGE: usize = 512_000;",
    )
    .by(AWS),
    mutant(
        "texts-of-several-lines",
        "texts of the service are one line",
        CLASSIFY,
        "        .map(|c| if c.is_control() { ' ' } else { c })\n",
        "",
    )
    .by(AWS),
    mutant(
        "the-sdk-tries-again",
        "one attempt by the SDK: one that it makes again hides an answer that nobody saw",
        SERVICE,
        ".retry_config(RetryConfig::disabled())",
        ".retry_config(RetryConfig::standard())",
    )
    .by(AWS),
    mutant(
        "a-token-of-the-sdk-s-own",
        "the token that is sent is the record's",
        SERVICE,
        "            .client_request_token(&record.token)\n",
        "",
    )
    .by(AWS),
    mutant(
        "a-call-without-end",
        "every call has a time-out",
        SERVICE,
        "            .operation_attempt_timeout(CALL_TIMEOUT)\n            .operation_timeout(CALL_TIMEOUT)\n",
        "",
    )
    .by(AWS),
    mutant(
        "the-operator-s-region-for-all",
        "a call goes to the resource's region",
        CLIENTS,
        "                    .region(Region::new(region.to_owned()))\n",
        "",
    )
    .by(AWS),
    mutant(
        "an-impossible-id-is-believed",
        "an id that no task can have is nobody's",
        SERVICE,
        "                if shapes::is_task_id(&task_id) {",
        "                if shapes::is_task_id(&task_id) || true {",
    )
    .by(FUZZ),
    mutant(
        "an-impossible-id-is-a-refusal",
        "an answer that can't be believed may follow upon a start",
        SERVICE,
        "        effect: Effect::Unknown,\n        message: format!(\n            \"{} was answered with an id",
        "        effect: Effect::None,\n        message: format!(\n            \"{} was answered with an id",
    )
    .by(FUZZ),
    mutant(
        "throttling-is-not-heard",
        "an answer that says Throttling slows the calls down",
        SERVICE,
        "            self.pace.budget().throttled(operation, region, Timestamp::now());",
        "            let _ = Timestamp::now();",
    )
    .by(AWS),
    mutant(
        "a-set-is-sent-as-it-is-listed",
        "the same request has the same body however the manifest lists it",
        SHAPES,
        "    list.sort_unstable();\n    list",
        "    list",
    )
    .by(AWS),
    mutant(
        "an-impossible-time-is-believed",
        "a time that Kubernetes can't store is none",
        SHAPES,
        "Some(time.secs()).filter(|seconds| *seconds >= 0)?;",
        "Some(time.secs())?;",
    )
    .by(unit(&["aws::shapes"])),
    mutant(
        "statistics-without-a-bound",
        "statistics are bounded",
        SHAPES,
        "    sorted.into_iter().take(MAX_CHECKS).collect()",
        "    sorted.into_iter().collect()",
    )
    .by(unit(&["aws::shapes"])),
    mutant(
        "a-state-without-a-bound",
        "the text of a state is bounded",
        SHAPES,
        "TaskState::Other(cut_to(other.as_str(), 64))",
        "TaskState::Other(cut_to(other.as_str(), 64_000))",
    )
    .by(FUZZ),
    mutant(
        "an-answer-without-a-bound",
        "an answer is read up to a bound",
        ANSWER_LIMIT,
        "const MAX_BYTES: usize = 8 << 20;",
        "const MAX_BYTES: usize = 256 << 20;",
    )
    .by(FUZZ),
    mutant(
        "a-look-without-a-bound",
        "the look at failed actions makes at most fifty calls",
        FAILED_ACTIONS,
        "const MAX_CALLS: usize = 50;",
        "const MAX_CALLS: usize = 500;",
    )
    .by(AWS),
    mutant(
        "a-look-without-an-end",
        "the look at failed actions takes at most twenty seconds",
        FAILED_ACTIONS,
        "const MAX_TIME: Duration = Duration::from_secs(20);",
        "const MAX_TIME: Duration = Duration::from_secs(2_000);",
    )
    .by(AWS),
    mutant(
        "lists-without-a-turn",
        "the lists take their turns one by one",
        FAILED_ACTIONS,
        "                .turn(self.uid, Operation::ListExecutions, &task.region)\n                .await;",
        "                .budget()\n                .give_back(self.uid);",
    )
    .by(AWS),
    mutant(
        "settings-that-can-t-work-are-taken",
        "settings with which no call can be sent are named at the start",
        ENDPOINT,
        "    let error = Box::pin(call.send()).await.err()?;",
        "    let error = Box::pin(call.send()).await.err().filter(|_| false)?;",
    )
    .by(unit(&["aws::endpoint"])),
    mutant(
        "refused-credentials-are-kept",
        "credentials that the service refuses are looked for anew",
        SERVICE,
        "            Box::pin(self.clients.renew(credentials)).await;\n",
        "            let _ = credentials;\n",
    )
    .by(cluster(&["operator::faults::credentials"])),
];
