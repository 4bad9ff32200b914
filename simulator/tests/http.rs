//! The server as a process sees it: connections, clients that give up, start and stop.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use simulator::{Call, Config, Fault, FaultKind, Operation, Server};

const BODY: &str =
    r#"{"target":{"auditTaskId":"a"},"auditCheckToActionsMapping":{"X":["y"]},"clientRequestToken":"one"}"#;

fn server() -> Server {
    Server::start(Config {
        max_signature_age: None,
        ..Config::default()
    })
    .unwrap()
}

fn request(method: &str, id: &str, body: &str) -> String {
    let scope = "AKIA/20260301/eu-west-1/iot/aws4_request";
    format!(
        "{method} /audit/mitigationactions/tasks/{id} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0\r\n\
         x-amz-date: 20260301T000000Z\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn send(server: &Server, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

/// Everything that the server answers until it closes the connection.
fn exchange(server: &Server, text: &str) -> String {
    let mut answer = String::new();
    send(server, text).read_to_string(&mut answer).unwrap();
    answer
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::yield_now();
    }
}

fn last(server: &Server) -> Call {
    server.calls().pop().unwrap()
}

#[test]
fn errors_have_the_services_header_and_body() {
    let server = server();
    let answer = exchange(&server, &request("GET", "none", ""));
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    assert!(
        answer.contains("\r\nx-amzn-errortype: ResourceNotFoundException:\r\n"),
        "{answer}"
    );
    assert!(
        answer.ends_with(r#"{"message":"Not Found","traceId":"00000000-0000-4000-8000-000000000001"}"#),
        "{answer}"
    );
}

#[test]
fn an_answer_that_was_handed_over_counts_as_delivered() {
    let server = server();
    assert!(exchange(&server, &request("POST", "t-1", BODY)).starts_with("HTTP/1.1 200 "));
    let call = last(&server);
    assert!(call.worked && call.delivered);
    assert_eq!((server.starts("t-1"), server.counters().max_running), (1, 1));
    assert_eq!(server.task("t-1").unwrap().request.to_string().len(), BODY.len());
}

#[test]
fn a_cut_connection_gets_not_a_byte() {
    let server = server();
    server.inject(Fault::new(FaultKind::Cut).times(1));
    assert_eq!(exchange(&server, &request("POST", "t-1", BODY)), "");
    server.inject(Fault::new(FaultKind::Cut).after_work().times(1));
    assert_eq!(exchange(&server, &request("POST", "t-1", BODY)), "");
    let seen: Vec<_> = server
        .calls()
        .iter()
        .map(|call| (call.worked, call.delivered, call.status))
        .collect();
    assert_eq!(seen, [(false, false, None), (true, false, None)]);
    assert_eq!(server.counters().tasks_started, 1);
}

/// A client that goes away while a latency holds its Start; gives the server once the client is gone.
fn gave_up(work_after_disconnect: bool) -> Server {
    let server = server();
    server.set_readings(|readings| readings.work_after_disconnect = work_after_disconnect);
    let latency = FaultKind::Latency {
        before: Duration::from_secs(1),
        after: Duration::ZERO,
    };
    server.inject(Fault::new(latency).on(Operation::START));
    let stream = send(&server, &request("POST", "t-1", BODY));
    wait_for("the call arrives", || !server.calls().is_empty());
    stream.shutdown(Shutdown::Both).unwrap();
    server
}

#[test]
fn work_is_done_though_the_client_gave_up() {
    let server = gave_up(true);
    wait_for("the work", || last(&server).worked);
    assert_eq!(server.starts("t-1"), 1);
    assert!(!last(&server).delivered);
}

#[test]
fn work_is_not_done_when_the_reading_says_so() {
    let server = gave_up(false);
    // A later call of the same length has passed: the first would have been done by now.
    let answer = exchange(&server, &request("POST", "t-2", &BODY.replace("one", "two")));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!((server.starts("t-1"), server.starts("t-2")), (0, 1));
}

#[test]
fn a_hanging_call_doesn_t_keep_the_server_from_stopping() {
    let server = server();
    server.inject(Fault::new(FaultKind::Hang));
    let mut stream = send(&server, &request("POST", "t-1", BODY));
    wait_for("the call arrives", || !server.calls().is_empty());
    let address = server.address();
    drop(server);
    assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)));
    // The port is free again at once.
    drop(
        Server::start(Config {
            listen: address,
            ..Config::default()
        })
        .unwrap(),
    );
}

#[test]
fn a_taken_address_is_told() {
    let server = server();
    let error = Server::start(Config {
        listen: server.address(),
        ..Config::default()
    })
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("can't listen on {}; choose another address or port", server.address())
    );
}

#[test]
fn many_requests_a_second_with_many_tasks() {
    let server = server();
    server.set_settings(|settings| {
        settings.quotas = simulator::Quotas::unlimited();
        settings.task_duration = Duration::ZERO;
    });
    for number in 0..500 {
        let body = BODY.replace("one", &format!("token-{number}"));
        assert!(exchange(&server, &request("POST", &format!("t-{number}"), &body)).starts_with("HTTP/1.1 200 "));
    }
    assert_eq!(server.counters().tasks_started, 500);
    assert!(server.tasks().iter().all(|task| task.status == "COMPLETED"));
}
