//! What was heard of the API server, by listening to the connection itself: the client library keeps the signs of life
//! of a quiet watch (bookmarks) to itself.

use std::collections::{BTreeMap, BTreeSet};
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

use super::lock::lock;

/// How long a broken watch is waited for while another one is at work.
const PATIENCE: Duration = Duration::from_mins(1);

/// What was heard of the API server. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct ApiServerMonitor(Arc<Mutex<Signs>>);

#[derive(Debug, Default)]
struct Signs {
    /// When a request last went unanswered, or a watch was refused.
    failed: Option<Instant>,
    /// The watches, by path.
    watches: BTreeMap<String, WatchSigns>,
}

#[derive(Debug)]
struct WatchSigns {
    /// When it was last heard of.
    heard: Instant,
    /// Why it isn't at work, from when it broke off until it is heard of again.
    broken: Option<Broken>,
}

#[derive(Debug)]
struct Broken {
    why: String,
    /// The API server works and says no to this watch: its namespace was deleted, say, and its roles with it.
    is_refused: bool,
}

impl WatchSigns {
    /// Whether nobody is to wait for this watch as long as another one is at work.
    fn is_unavailable(&self, now: Instant) -> bool {
        let is_silent = now.saturating_duration_since(self.heard) >= PATIENCE;
        self.broken
            .as_ref()
            .is_some_and(|broken| broken.is_refused || is_silent)
    }
}

impl Signs {
    /// The watches that count. Of several, one that can't be had keeps no other from its work; when none is at work,
    /// it is the API server that fails, or the rights of the operator.
    fn that_count(&self, now: Instant) -> impl Iterator<Item = &WatchSigns> {
        let is_one_at_work = self.watches.values().any(|watch| watch.broken.is_none());
        let watches = self.watches.values();
        watches.filter(move |watch| !is_one_at_work || !watch.is_unavailable(now))
    }

    /// The watches that nobody waits for, because others are at work.
    fn unavailable(&self, now: Instant) -> impl Iterator<Item = (&str, &WatchSigns)> {
        let is_one_at_work = self.watches.values().any(|watch| watch.broken.is_none());
        let watches = self.watches.iter().map(|(path, watch)| (path.as_str(), watch));
        watches.filter(move |(_, watch)| is_one_at_work && watch.is_unavailable(now))
    }

    fn is_lone(&self, path: &str) -> bool {
        let mut others = self.watches.iter().filter(|(other, _)| *other != path);
        others.all(|(_, watch)| watch.broken.is_some())
    }
}

impl ApiServerMonitor {
    /// A watch begins: the list comes first, and counts as part of it.
    pub(super) fn begin_watch(&self, path: &str) {
        let watch = WatchSigns {
            heard: Instant::now(),
            broken: None,
        };
        lock(&self.0).watches.insert(path.to_owned(), watch);
    }

    /// How long the quietest watch has been quiet; `None` when there is no watch.
    pub fn silence(&self, now: Instant) -> Option<Duration> {
        let signs = lock(&self.0);
        let quietest = signs.that_count(now).map(|watch| watch.heard).min()?;
        Some(now.saturating_duration_since(quietest))
    }

    /// When the API server last failed.
    pub fn failed_at(&self) -> Option<Instant> {
        lock(&self.0).failed
    }

    /// A watch broke off, or was refused. It is taken up again where it was, and nothing but its next sign of life
    /// tells that it was. Whether this is the first that is heard of it.
    pub(super) fn mark_broken(&self, path: &str, why: String, is_refused: bool) -> bool {
        let mut signs = lock(&self.0);
        let Some(watch) = signs.watches.get_mut(path) else {
            return true;
        };
        watch.broken.replace(Broken { why, is_refused }).is_none()
    }

    /// Why a watch is not at work that the operator waits for, if there is one.
    pub(super) fn broken(&self, now: Instant) -> Option<String> {
        let signs = lock(&self.0);
        let mut broken = signs.that_count(now).filter_map(|watch| watch.broken.as_ref());
        broken.next().map(|broken| broken.why.clone())
    }

    /// Whether nobody is to wait for this watch, because another one is at work.
    pub(super) fn is_unavailable(&self, path: &str, now: Instant) -> bool {
        let signs = lock(&self.0);
        let watch = signs.watches.get(path);
        watch.is_some_and(|watch| watch.is_unavailable(now)) && !signs.is_lone(path)
    }

    /// Why each watch is not at work that the operator doesn't wait for.
    pub(super) fn unavailable(&self, now: Instant) -> Vec<String> {
        let signs = lock(&self.0);
        let watches = signs.unavailable(now).filter_map(|(_, watch)| watch.broken.as_ref());
        watches.map(|broken| broken.why.clone()).collect()
    }

    /// In how many namespaces there are such watches: of several kinds each has one.
    pub(super) fn unavailable_namespaces(&self, now: Instant) -> usize {
        let signs = lock(&self.0);
        let places = signs
            .unavailable(now)
            .map(|(path, _)| path.rsplit_once('/').unwrap_or_default().0);
        places.collect::<BTreeSet<&str>>().len()
    }

    fn mark_failed(&self) {
        lock(&self.0).failed = Some(Instant::now());
    }

    fn mark_heard(&self, path: &str) {
        if let Some(watch) = lock(&self.0).watches.get_mut(path) {
            watch.heard = Instant::now();
            watch.broken = None;
        }
    }

    fn mark_answered(&self, path: &str, status: http::StatusCode) {
        let (is_watch, is_lone) = {
            let signs = lock(&self.0);
            (signs.watches.contains_key(path), signs.is_lone(path))
        };
        // One namespace of several that is refused is no failure of the API server.
        let is_refused = status == http::StatusCode::FORBIDDEN && !is_lone;
        if status.is_server_error() || is_watch && !status.is_success() && !is_refused {
            self.mark_failed();
        } else if status.is_success() {
            self.mark_heard(path);
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
            api_server.mark_answered(&path, response.status());
            let broken = api_server.clone();
            // What a refusal says is no sign of the watch's life.
            let lives = response.status().is_success();
            Ok(response.map(|body| {
                let body = body.map_frame(move |frame| {
                    // mutant: a-refusal-is-a-sign-of-life
                    if lives {
                        api_server.mark_heard(&path);
                    }
                    frame
                });
                body.map_err(move |error| {
                    broken.mark_failed();
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
            api_server.mark_failed();
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
            api_server.begin_watch(WATCH);
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
        api_server.begin_watch(WATCH);
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
        api_server.begin_watch(WATCH);
        assert!(api_server.mark_broken(WATCH, "cut".to_owned(), false));
        ask(&api_server, "/other", Ok(200)).await.unwrap();
        let _ = ask(&api_server, WATCH, Ok(403)).await;
        assert_eq!(api_server.broken(Instant::now()).as_deref(), Some("cut"));
        ask(&api_server, WATCH, Ok(200)).await.unwrap();
        assert_eq!(api_server.broken(Instant::now()), None);
    }

    /// Each row: what is wrong with `/a` and `/b`; which of them is waited for, and which is told as unavailable.
    #[tokio::test]
    async fn one_watch_of_several_that_can_not_be_had_holds_nobody_up() {
        let now = Instant::now();
        let later = now + 2 * PATIENCE;
        for (a, b, at, broken, unavailable) in [
            (None, None, now, None, &[][..]),
            (Some(true), None, now, None, &["/a"]),
            (None, Some(true), now, None, &["/b"]),
            // It may have broken off for a moment only.
            (Some(false), None, now, Some("/a"), &[]),
            (Some(false), None, later, None, &["/a"]),
            // Nothing is at work: it is not one namespace that is wrong.
            (Some(true), Some(true), now, Some("/a"), &[]),
            (Some(false), Some(true), later, Some("/a"), &[]),
        ] {
            let api_server = ApiServerMonitor::default();
            for (path, refused) in [("/a", a), ("/b", b)] {
                api_server.begin_watch(path);
                if let Some(is_refused) = refused {
                    assert!(api_server.mark_broken(path, path.to_owned(), is_refused));
                    assert!(
                        !api_server.mark_broken(path, path.to_owned(), is_refused),
                        "told already"
                    );
                }
            }
            // Counted from the moments that were noted.
            let at = at.max(Instant::now());
            let row = format!("{a:?} {b:?}");
            assert_eq!(api_server.broken(at).as_deref(), broken, "{row}");
            assert_eq!(api_server.unavailable(at), unavailable, "{row}");
            for path in ["/a", "/b"] {
                assert_eq!(
                    api_server.is_unavailable(path, at),
                    unavailable.contains(&path),
                    "{path} of {row}"
                );
            }
        }
    }

    /// Its silence once grew for ever, and its refusals hid what was stuck.
    #[tokio::test]
    async fn a_refused_watch_among_others_is_neither_silent_nor_a_failure_of_the_api_server() {
        let api_server = ApiServerMonitor::default();
        api_server.begin_watch("/b");
        api_server.begin_watch("/a");
        let later = Instant::now() + Duration::from_hours(1);
        let begun = api_server.silence(later);
        let _ = ask(&api_server, "/b", Ok(403)).await;
        api_server.mark_broken("/b", "refused".to_owned(), true);
        assert_eq!(api_server.failed_at(), None);
        ask(&api_server, "/a", Ok(200)).await.unwrap();
        assert!(api_server.silence(later) < begun);
        // It comes back.
        ask(&api_server, "/b", Ok(200)).await.unwrap();
        assert!(api_server.unavailable(later).is_empty());
    }
}
