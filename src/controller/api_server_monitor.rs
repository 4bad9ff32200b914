//! What was heard of the API server, by listening to the connection itself: the client library keeps the signs of life
//! of a quiet watch (bookmarks) to itself.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use kube::client::Body;
use tower::{Layer, Service};

use super::context::lock;

/// What was heard of the API server. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct ApiServerMonitor(Arc<Mutex<LastDescribe>>);

#[derive(Debug, Default)]
struct LastDescribe {
    /// When a request last went unanswered, or a watch was refused.
    failed: Option<Instant>,
    /// When each watch was last heard of, by its path.
    watches: HashMap<String, Instant>,
    /// The watches that broke off and were not heard of since, by their paths, and why they did.
    broken: BTreeMap<String, String>,
}

impl ApiServerMonitor {
    /// A watch begins: the list comes first, and counts as part of it.
    pub(super) fn watch_begins(&self, path: &str) {
        lock(&self.0).watches.insert(path.to_owned(), Instant::now());
    }

    /// How long the quietest watch has been quiet; `None` when there is no watch.
    #[must_use]
    pub fn silence(&self, now: Instant) -> Option<Duration> {
        let heard = lock(&self.0);
        let quietest = heard.watches.values().min()?;
        Some(now.saturating_duration_since(*quietest))
    }

    /// When the API server last failed.
    #[must_use]
    pub fn failed_at(&self) -> Option<Instant> {
        lock(&self.0).failed
    }

    /// A watch broke off. It is taken up again where it was, and nothing but its next sign of life tells that it was.
    pub(super) fn broke_off(&self, path: &str, why: String) {
        lock(&self.0).broken.insert(path.to_owned(), why);
    }

    /// Why a watch is not at work, if one isn't.
    #[must_use]
    pub fn broken(&self) -> Option<String> {
        lock(&self.0).broken.values().next().cloned()
    }

    fn failed(&self) {
        lock(&self.0).failed = Some(Instant::now());
    }

    fn heard(&self, path: &str) {
        let mut heard = lock(&self.0);
        if let Some(at) = heard.watches.get_mut(path) {
            *at = Instant::now();
            heard.broken.remove(path);
        }
    }

    fn answered(&self, path: &str, status: http::StatusCode) {
        let is_watch = lock(&self.0).watches.contains_key(path);
        if status.is_server_error() || is_watch && !status.is_success() {
            self.failed();
        } else {
            self.heard(path);
        }
    }
}

impl<S> Layer<S> for ApiServerMonitor {
    type Service = Listening<S>;

    fn layer(&self, inner: S) -> Listening<S> {
        Listening {
            inner,
            api_server: self.clone(),
        }
    }
}

/// Passes requests on, and listens to what comes back.
#[derive(Debug)]
pub struct Listening<S> {
    inner: S,
    api_server: ApiServerMonitor,
}

impl<S, B> Service<Request<Body>> for Listening<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    B: http_body::Body + Send + 'static,
{
    type Response = Response<UnsyncBoxBody<B::Data, B::Error>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (api_server, path) = (self.api_server.clone(), request.uri().path().to_owned());
        let unanswered = Unanswered(Some(api_server.clone()));
        let call = self.inner.call(request);
        async move {
            let response = call.await?;
            unanswered.settle();
            api_server.answered(&path, response.status());
            let broken = api_server.clone();
            // What a refusal says is no sign of the watch's life.
            let lives = response.status().is_success();
            Ok(response.map(|body| {
                let body = body.map_frame(move |frame| {
                    // mutant: a-refusal-is-a-sign-of-life
                    if lives {
                        api_server.heard(&path);
                    }
                    frame
                });
                body.map_err(move |error| {
                    broken.failed();
                    error
                })
                .boxed_unsync()
            }))
        }
        .boxed()
    }
}

/// A request without an answer yet. Dropped like that, by an error or by whoever waited long enough, it is a failure.
struct Unanswered(Option<ApiServerMonitor>);

impl Unanswered {
    fn settle(mut self) {
        self.0 = None;
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(api_server) = &self.0 {
            api_server.failed();
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use http_body_util::combinators::BoxBody;
    use tower::{BoxError, ServiceExt as _, service_fn};

    use super::*;

    const WATCH: &str = "/tasks";

    async fn ask(api_server: &ApiServerMonitor, path: &str, answer: Result<u16, &'static str>) -> Result<(), BoxError> {
        let server = service_fn(move |_: Request<Body>| async move {
            let body: BoxBody<&[u8], BoxError> = Full::new(&b"text"[..]).map_err(|never| match never {}).boxed();
            answer
                .map(|status| Response::builder().status(status).body(body).unwrap())
                .map_err(BoxError::from)
        });
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = api_server.layer(server).oneshot(request).await?;
        response.into_body().collect().await.map(|_| ())
    }

    #[tokio::test]
    async fn answers_and_failures_are_told_apart() {
        for (path, answer, fails) in [
            (WATCH, Ok(200), false),
            (WATCH, Ok(403), true),
            (WATCH, Ok(410), true),
            ("/other", Ok(403), false),
            ("/other", Ok(409), false),
            ("/other", Ok(500), true),
            ("/other", Err("no connection"), true),
        ] {
            let api_server = ApiServerMonitor::default();
            api_server.watch_begins(WATCH);
            let _ = ask(&api_server, path, answer).await;
            assert_eq!(api_server.failed_at().is_some(), fails, "{path} {answer:?}");
        }
    }

    #[tokio::test]
    async fn a_call_that_nobody_waits_for_any_longer_has_failed() {
        let api_server = ApiServerMonitor::default();
        let server = service_fn(|_: Request<Body>| std::future::pending::<Result<Response<Full<&[u8]>>, BoxError>>());
        let request = Request::get("/other").body(Body::empty()).unwrap();
        let call = api_server.layer(server).oneshot(request);
        assert!(api_server.failed_at().is_none());
        drop(tokio::time::timeout(Duration::ZERO, call).await);
        assert!(api_server.failed_at().is_some());
    }

    #[tokio::test]
    async fn only_what_belongs_to_the_watch_is_a_sign_of_its_life() {
        let api_server = ApiServerMonitor::default();
        assert_eq!(api_server.silence(Instant::now()), None);
        api_server.watch_begins(WATCH);
        let later = Instant::now() + Duration::from_hours(1);
        let begun = api_server.silence(later);
        ask(&api_server, "/other", Ok(200)).await.unwrap();
        assert_eq!(api_server.silence(later), begun);
        ask(&api_server, WATCH, Ok(200)).await.unwrap();
        assert!(api_server.silence(later) < begun);
    }

    /// A watch that goes on without another list once left the operator unready for good.
    #[tokio::test]
    async fn a_watch_that_broke_off_is_whole_at_its_next_sign_of_life() {
        let api_server = ApiServerMonitor::default();
        api_server.watch_begins(WATCH);
        api_server.broke_off(WATCH, "cut".to_owned());
        ask(&api_server, "/other", Ok(200)).await.unwrap();
        let _ = ask(&api_server, WATCH, Ok(403)).await;
        assert_eq!(api_server.broken().as_deref(), Some("cut"));
        ask(&api_server, WATCH, Ok(200)).await.unwrap();
        assert_eq!(api_server.broken(), None);
    }
}
