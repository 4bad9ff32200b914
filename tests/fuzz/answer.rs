//! Answers: from noise to the service's own with one thing wrong.

use proptest::prelude::*;

use crate::body::{body, described};

/// Error types as the service writes them.
pub(crate) const KNOWN_CODES: [&str; 8] = [
    "TaskAlreadyExistsException",
    "InvalidRequestException",
    "ResourceNotFoundException:",
    "LimitExceededException:http://example.com/",
    "ThrottlingException",
    "InternalFailureException",
    "AccessDeniedException",
    "com.amazonaws.iot#InvalidRequestException",
];

/// An HTTP answer, or what should have been one.
pub(crate) fn answer() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..200),
        9 => (status(), error_type(), prop_oneof![body(), described()], prop::bool::weighted(0.9)).prop_map(|(status, error_type, body, is_honest)| {
            let announced = if is_honest { body.len() } else { body.len() * 2 + 1 };
            let mut bytes = format!("HTTP/1.1 {status} What\r\ncontent-type: application/json\r\ncontent-length: {announced}\r\n")
                .into_bytes();
            if let Some(error_type) = error_type {
                bytes.extend_from_slice(b"x-amzn-errortype: ");
                bytes.extend_from_slice(&error_type);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"connection: close\r\n\r\n");
            bytes.extend_from_slice(&body);
            bytes
        }),
    ]
}

fn status() -> impl Strategy<Value = u16> {
    prop_oneof![8 => Just(200_u16), 4 => prop::sample::select(vec![204, 301, 400, 403, 404, 410, 429, 500, 503]), 1 => 100_u16..1_000]
}

fn error_type() -> impl Strategy<Value = Option<Vec<u8>>> {
    let known = prop::sample::select(KNOWN_CODES.to_vec());
    let noise = prop::collection::vec(any::<u8>(), 0..80);
    prop_oneof![
        4 => Just(None),
        2 => known.prop_map(|code| Some(code.as_bytes().to_vec())),
        1 => noise.prop_map(Some)
    ]
}
