//! A service that answers each call with what it is told, whatever is asked, and remembers what was.

use std::sync::{Arc, Mutex};

use audit_mitigation_operator::aws::Service;
use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What was asked: method, path and query, and the JSON of the body where there is one.
pub(crate) type Asked = (String, String, Option<Value>);

#[derive(Default)]
struct State {
    answer: Value,
    asked: Option<Asked>,
}

pub(crate) struct Answering {
    pub(crate) service: Service,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
}

impl Answering {
    pub(crate) async fn new() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let answer = async move |method: Method, uri: Uri, body: String| {
            let mut state = shared.lock().unwrap();
            state.asked = Some((method.to_string(), uri.to_string(), serde_json::from_str(&body).ok()));
            (StatusCode::OK, state.answer.to_string())
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            service: crate::service(&endpoint),
            state,
            server,
        }
    }

    /// What every call is answered from now on.
    pub(crate) fn answer(&self, answer: Value) {
        self.state.lock().unwrap().answer = answer;
    }

    /// What was asked last.
    pub(crate) fn asked(&self) -> Asked {
        self.state.lock().unwrap().asked.clone().unwrap()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.server.abort();
    }
}
