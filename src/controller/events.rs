//! Events, written on the side: they never delay or fail a reconcile.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio::sync::mpsc;

use crate::api::CONTROLLER_NAME;
use crate::core::task::events::EventDraft;

/// Events that wait to be written; more are dropped, and said to be.
const BUFFER: usize = 1_024;
/// The API server refuses longer notes ("Event v1 events.k8s.io": 1 kB).
const MAX_NOTE_BYTES: usize = 1_000;

/// Writes events in the background.
#[derive(Clone)]
pub(super) struct EventWriter(mpsc::Sender<(EventDraft, ObjectReference)>);

impl EventWriter {
    /// Starts the background task; it ends when the last writer is dropped.
    pub(super) fn start(client: Client) -> Self {
        let (sender, mut receiver) = mpsc::channel::<(EventDraft, ObjectReference)>(BUFFER);
        tokio::spawn(async move {
            let recorder = Recorder::new(client, Reporter::from(CONTROLLER_NAME));
            while let Some((event_drafts, reference)) = receiver.recv().await {
                if let Err(error) = recorder.publish(&event(event_drafts), &reference).await {
                    // A namespace that is going away takes no new events: nothing to be done about it.
                    tracing::debug!(%error, resource = reference.name, namespace = reference.namespace, "event not written");
                }
            }
        });
        Self(sender)
    }

    /// Has an event about an object written.
    pub(super) fn publish(&self, object: ObjectReference, draft: EventDraft) {
        let (name, namespace) = (object.name.clone(), object.namespace.clone());
        if self.0.try_send((draft, object)).is_err() {
            tracing::warn!(name, namespace, "event dropped: too many wait to be written");
        }
    }
}

fn event(event_drafts: EventDraft) -> Event {
    let EventDraft {
        is_warning,
        action,
        reason,
        note,
    } = event_drafts;
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
    use super::*;

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
