//! Events, written on the side: they never delay or fail a reconcile.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::api::CONTROLLER_NAME;
use crate::core::event::EventDraft;

/// Events that wait to be written; more are dropped, and said to be.
const BUFFER: usize = 1_024;
/// The API server refuses longer notes ("Event v1 events.k8s.io": 1 kB).
const MAX_NOTE_BYTES: usize = 1_000;
/// How long the API server may take for one event: the others wait meanwhile.
const PUBLISH_LIMIT: Duration = Duration::from_secs(5);
/// How long the events that wait at the end of the work may take.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);
/// A recorder counts an event together with an earlier one that is younger than this (`CACHE_TTL` in kube's).
const SERIES_LIFETIME: Duration = Duration::from_mins(6);
/// How many different events are counted together with earlier ones. Each takes some 5 kB for as long.
const MAX_RECORDERS: usize = 128;

type Draft = (EventDraft, ObjectReference);

/// Has events written in the background. Clones share one queue.
#[derive(Clone)]
pub(super) struct EventWriter(mpsc::Sender<Draft>);

/// What writes them: it ends when this is dropped.
pub(super) struct EventTask {
    closed: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl EventWriter {
    /// Starts the background task.
    pub(super) fn start(client: Client) -> (Self, EventTask) {
        let (sender, receiver) = mpsc::channel(BUFFER);
        let closed = CancellationToken::new();
        let task = tokio::spawn(write_all(receiver, Recorders::new(client), closed.clone()));
        let task = AbortOnDropHandle::new(task);
        (Self(sender), EventTask { closed, task })
    }

    /// Has an event about an object written.
    pub(super) fn publish(&self, object: ObjectReference, draft: EventDraft) {
        let (name, namespace, reason) = (object.name.clone(), object.namespace.clone(), draft.reason);
        if let Err(error) = self.0.try_send((draft, object)) {
            tracing::warn!(name, namespace, ?reason, %error, "an event was dropped");
        }
    }
}

impl EventTask {
    /// Writes the events that wait, within a limit; none is taken any more. Whether it came to its end.
    pub(super) async fn drain(self) -> bool {
        self.closed.cancel();
        let is_drained = timeout(DRAIN_LIMIT, self.task).await.is_ok();
        if !is_drained {
            tracing::warn!("the API server was too slow for the last events: some are not written");
        }
        is_drained
    }
}

async fn write_all(mut events: mpsc::Receiver<Draft>, mut recorders: Recorders, closed: CancellationToken) {
    loop {
        let event = if let Some(event) = closed.run_until_cancelled(events.recv()).await {
            event
        } else {
            // What waits already is received all the same.
            events.close();
            events.recv().await
        };
        let Some((draft, object)) = event else { return };
        recorders.publish(&event_of(draft), &object).await;
    }
}

/// Recorders of kube, one for each note about an object. A recorder counts what has the same reason, action and object
/// together, and shows the first one's note for all: a second refusal with other words would be shown with the words of
/// the first. And it keeps whatever it wrote for six minutes: one for all objects would keep a crowd of them.
struct Recorders {
    client: Client,
    /// The one that was used last is the last.
    recorders: VecDeque<NoteRecorder>,
}

struct NoteRecorder {
    note: Option<String>,
    object: ObjectReference,
    used: Instant,
    recorder: Recorder,
}

impl Recorders {
    fn new(client: Client) -> Self {
        Self {
            client,
            recorders: VecDeque::new(),
        }
    }

    async fn publish(&mut self, event: &Event, object: &ObjectReference) {
        let recorder = self.take(event.note.as_deref(), object, Instant::now());
        let (name, namespace) = (object.name.as_deref(), object.namespace.as_deref());
        match timeout(PUBLISH_LIMIT, recorder.recorder.publish(event, object)).await {
            Ok(Ok(())) => self.recorders.push_back(recorder),
            // A namespace that is going away takes no new events: nothing to be done about it. The recorder goes, for
            // the event that it counted on may be gone.
            Ok(Err(error)) => tracing::debug!(%error, name, namespace, "an event was not written"),
            Err(_) => tracing::warn!(
                name,
                namespace,
                "an event was not written: the API server did not answer in time"
            ),
        }
    }

    /// Takes out the recorder of a note about an object.
    fn take(&mut self, note: Option<&str>, object: &ObjectReference, now: Instant) -> NoteRecorder {
        let is_in_use = |recorder: &NoteRecorder| now.saturating_duration_since(recorder.used) < SERIES_LIFETIME;
        self.recorders.retain(is_in_use);
        let is_it = |recorder: &NoteRecorder| recorder.note.as_deref() == note && recorder.object == *object;
        let at = self.recorders.iter().position(is_it);
        let found = at.and_then(|at| self.recorders.remove(at));
        if found.is_none() && self.recorders.len() >= MAX_RECORDERS {
            self.recorders.pop_front();
        }
        match found {
            Some(found) => NoteRecorder { used: now, ..found },
            None => NoteRecorder {
                note: note.map(ToOwned::to_owned),
                object: object.clone(),
                used: now,
                recorder: Recorder::new(self.client.clone(), Reporter::from(CONTROLLER_NAME)),
            },
        }
    }
}

fn event_of(draft: EventDraft) -> Event {
    let EventDraft {
        is_warning,
        action,
        reason,
        note,
    } = draft;
    Event {
        type_: if is_warning {
            EventType::Warning
        } else {
            EventType::Normal
        },
        reason: reason.to_string(),
        note: Some(cut(note)),
        action,
        secondary: None,
    }
}

fn cut(mut note: String) -> String {
    if note.len() > MAX_NOTE_BYTES {
        let end = (0..=MAX_NOTE_BYTES)
            .rev()
            .find(|end| note.is_char_boundary(*end))
            .unwrap_or_default();
        note.truncate(end);
    }
    note
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http::{Method, Request, Response};
    use http_body_util::BodyExt as _;
    use kube::client::Body;
    use serde_json::{Value, json};
    use tower::{BoxError, service_fn};

    use super::*;
    use crate::api::Reason;
    use crate::controller::lock::lock;

    /// The method and the body of each request.
    type Requests = Arc<Mutex<Vec<(Method, Value)>>>;

    /// An API server that takes every event, but never answers one about the object `silent`.
    fn api_server() -> (Client, Requests) {
        let requests = Requests::default();
        let seen = Arc::clone(&requests);
        let server = service_fn(move |request: Request<Body>| {
            let seen = Arc::clone(&seen);
            async move {
                let method = request.method().clone();
                let body = request.into_body().collect().await?.to_bytes();
                let event: Value = serde_json::from_slice(&body)?;
                lock(&seen).push((method, event.clone()));
                if event["regarding"]["name"] == "silent" {
                    std::future::pending::<()>().await;
                }
                Ok::<_, BoxError>(Response::new(Body::from(body)))
            }
        });
        (Client::new(server, "default"), requests)
    }

    fn object(name: &str) -> ObjectReference {
        serde_json::from_value(json!({ "name": name, "namespace": "fleet", "kind": "K", "uid": name })).unwrap()
    }

    fn refusal(note: &str) -> EventDraft {
        EventDraft {
            is_warning: true,
            action: "Pending".to_owned(),
            reason: Reason::AccessDenied,
            note: note.to_owned(),
        }
    }

    /// What was asked for: method, note, and how often it has happened.
    fn shown(requests: &Requests) -> Vec<(Method, String, u64)> {
        let shown = |(method, event): &(Method, Value)| {
            let count = event["series"]["count"].as_u64().unwrap_or(1);
            (method.clone(), event["note"].as_str().unwrap().to_owned(), count)
        };
        lock(requests).iter().map(shown).collect()
    }

    /// The first words once stood for all refusals within six minutes.
    #[tokio::test]
    async fn a_second_refusal_is_shown_with_its_own_words() {
        let (client, requests) = api_server();
        let (events, task) = EventWriter::start(client);
        for note in ["Start is denied", "Describe is denied", "Start is denied"] {
            events.publish(object("one"), refusal(note));
        }
        task.drain().await;
        let row = |method, note: &str, count| (method, note.to_owned(), count);
        assert_eq!(
            shown(&requests),
            [
                row(Method::POST, "Start is denied", 1),
                row(Method::POST, "Describe is denied", 1),
                row(Method::PATCH, "Start is denied", 2),
            ]
        );
    }

    #[tokio::test]
    async fn an_event_that_is_never_answered_holds_up_the_others_for_a_while_only() {
        let (client, requests) = api_server();
        let (events, _task) = EventWriter::start(client);
        events.publish(object("silent"), refusal("a"));
        events.publish(object("one"), refusal("b"));
        let both = async {
            while lock(&requests).len() < 2 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_mins(1), both).await.unwrap();
    }

    #[tokio::test]
    async fn what_waits_at_the_end_is_written_and_the_writing_ends() {
        let (client, requests) = api_server();
        let (events, task) = EventWriter::start(client);
        for number in 0..100 {
            events.publish(object("one"), refusal(&number.to_string()));
        }
        // The writers may outlive it.
        assert!(task.drain().await);
        assert_eq!(lock(&requests).len(), 100);
        events.publish(object("one"), refusal("too late"));
        let (client, _) = api_server();
        let (events, task) = EventWriter::start(client);
        for _ in 0..100 {
            events.publish(object("silent"), refusal("never answered"));
        }
        assert!(!task.drain().await, "it gives up");
    }

    /// A crowd with the same words once stayed in the memory for six minutes.
    #[tokio::test]
    async fn the_recorders_are_bounded_in_number_and_in_age() {
        let mut recorders = Recorders::new(api_server().0);
        let draft = event_of(refusal("the same"));
        for number in 0..2 * MAX_RECORDERS {
            recorders.publish(&draft, &object(&number.to_string())).await;
        }
        assert_eq!(recorders.recorders.len(), MAX_RECORDERS);
        let last = (2 * MAX_RECORDERS - 1).to_string();
        assert_eq!(recorders.recorders.back().unwrap().object, object(&last));
        recorders.take(Some("later"), &object("one"), Instant::now() + SERIES_LIFETIME);
        assert!(recorders.recorders.is_empty());
    }

    #[test]
    fn a_note_is_cut_to_what_the_api_server_takes_and_not_within_a_character() {
        let cases = [
            ("x".repeat(1_000), 1_000),
            ("x".repeat(1_001), 1_000),
            // Three bytes each.
            ("\u{20ac}".repeat(400), 999),
        ];
        for (note, bytes) in cases {
            assert_eq!(cut(note).len(), bytes);
        }
    }
}
