//! The thin shell over HTTP/1.1: reads requests, waits where a fault says so, writes answers or cuts connections.

use axum::Router;
use axum::body::{Body, Bytes};
use http_body_util::BodyExt as _;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tower::ServiceExt as _;

use crate::admin;
use crate::answer::Answer;
use crate::fault::Ending;
use crate::server::Shared;
use crate::state::{Admitted, Reply, Request};

type Response = axum::http::Response<Body>;

/// The connection ends here, without an answer. hyper closes it when a service fails.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut on purpose")]
struct Cut;

/// Serves until the sender of `stopped` is dropped; the runtime's end takes open connections with it.
pub(crate) async fn serve(listener: std::net::TcpListener, shared: Shared, mut stopped: oneshot::Receiver<()>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("simulator: can't use its socket: {error}");
            return;
        }
    };
    let admin = admin::router(shared.clone());
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(tokio::spawn(connection(stream, shared.clone(), admin.clone()))),
                // Mostly too many open files: let other connections end.
                Err(_) => tokio::task::yield_now().await,
            },
        }
    }
}

async fn connection(stream: TcpStream, shared: Shared, admin: Router) {
    // Answers are small: waiting to fill a packet would cost 40 ms. A socket that refuses the option works without.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(request, shared.clone(), admin.clone()));
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    // An error here is a cut, ours or the client's.
    drop(served.await);
}

async fn answer(
    request: hyper::Request<hyper::body::Incoming>,
    shared: Shared,
    admin: Router,
) -> Result<Response, Cut> {
    let (parts, body) = request.into_parts();
    if parts.uri.path().starts_with(admin::PREFIX) {
        let request = axum::http::Request::from_parts(parts, Body::new(body));
        return admin.oneshot(request).await.map_err(|never| match never {});
    }
    let body: Bytes = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let request = Request {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        authorization: header(AUTHORIZATION.as_str()),
        date: header("x-amz-date"),
        body: body.to_vec(),
    };
    let admitted = shared.lock().admit(Timestamp::now(), &request);
    let seq = admitted.seq;
    let reply = perform(&shared, admitted).await?;
    tokio::time::sleep(reply.delay).await;
    let response = match reply.ending {
        Ending::Answer(answer) => respond(answer, seq).map_err(|_| Cut)?,
        Ending::Cut => return Err(Cut),
        Ending::Hang => std::future::pending().await,
    };
    // A client that went away has taken this future with it, so this line isn't reached.
    shared.lock().delivered(seq);
    Ok(response)
}

/// Waits as long as the faults say, and does the work.
async fn perform(shared: &Shared, admitted: Admitted) -> Result<Reply, Cut> {
    let delay = admitted.delay;
    if delay.is_zero() {
        return Ok(shared.lock().perform(Timestamp::now(), admitted));
    }
    let outlives_client = shared.lock().config.settings.readings.work_after_disconnect;
    let shared = shared.clone();
    let work = async move {
        tokio::time::sleep(delay).await;
        shared.lock().perform(Timestamp::now(), admitted)
    };
    // This future is dropped when the client goes away; a task of its own is not.
    if outlives_client {
        tokio::spawn(work).await.map_err(|_| Cut)
    } else {
        Ok(work.await)
    }
}

fn respond(answer: Answer, seq: u64) -> Result<Response, axum::http::Error> {
    let mut response = axum::http::Response::builder()
        .status(answer.status)
        .header(CONTENT_TYPE, answer.content_type)
        .header("x-amzn-requestid", format!("00000000-0000-4000-8000-{seq:012x}"));
    if let Some(code) = answer.code {
        // The trailing colon is the real service's.
        response = response.header("x-amzn-errortype", format!("{code}:"));
    }
    response.body(Body::from(answer.body))
}
