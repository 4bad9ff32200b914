//! Protections where the service's answers enter.

use super::{AWS, Mutant};

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "a-server-error-is-a-refusal",
        without: "an error of the service's own doesn't say that nothing was done",
        file: "src/aws/classify.rs",
        search: "(_, 500..) => (Trouble::ServiceUnavailable, Effect::Unknown)",
        replacement: "(_, 500..) => (Trouble::ServiceUnavailable, Effect::None)",
        tests: AWS,
    },
    Mutant {
        name: "no-answer-is-a-refusal",
        without: "a request that may have arrived may have taken effect",
        file: "src/aws/classify.rs",
        search: "may_have_arrived: was_sent && !never_connected",
        replacement: "may_have_arrived: was_sent && !never_connected && false",
        tests: AWS,
    },
    Mutant {
        name: "an-unknown-error-is-a-refusal",
        without: "an error that the service doesn't document proves nothing",
        file: "src/aws/classify.rs",
        search: "_ => (Trouble::UnexpectedAnswer, Effect::Unknown)",
        replacement: "_ => (Trouble::UnexpectedAnswer, Effect::None)",
        tests: AWS,
    },
    Mutant {
        name: "the-sdk-tries-again",
        without: "one attempt by the SDK: one that it makes again hides an answer that nobody saw",
        file: "src/aws/service.rs",
        search: ".retry_config(RetryConfig::disabled())",
        replacement: ".retry_config(RetryConfig::standard())",
        tests: AWS,
    },
    Mutant {
        name: "a-token-of-the-sdk-s-own",
        without: "the token that is sent is the record's",
        file: "src/aws/service.rs",
        search: "            .client_request_token(&record.token)\n",
        replacement: "",
        tests: AWS,
    },
    Mutant {
        name: "a-call-without-end",
        without: "every call has a time-out",
        file: "src/aws/service.rs",
        search: "            .operation_attempt_timeout(CALL_TIMEOUT)\n            .operation_timeout(CALL_TIMEOUT)\n",
        replacement: "",
        tests: AWS,
    },
];
