//! The faults of a plan, as the simulator's.

use std::time::Duration;

use simulator::{Fault, FaultKind, Operation};

use crate::plan::{Loss, ServiceFault, TaskFault};

/// What strikes everybody; none for what is no fault of calls.
pub(crate) fn everywhere(fault: ServiceFault, seed: u64) -> Option<Fault> {
    let often = |kind| Fault::new(kind).probability(0.5, seed);
    let fault = match fault {
        ServiceFault::Throttling => often(FaultKind::Throttle),
        ServiceFault::Limit => often(FaultKind::Limit).on(Operation::START),
        ServiceFault::InternalErrors => often(FaultKind::Internal),
        ServiceFault::Unavailable => Fault::new(FaultKind::Unavailable),
        ServiceFault::Cut => often(FaultKind::Cut),
        ServiceFault::StartAnswersLost => Fault::new(FaultKind::Cut).after_work().on(Operation::START),
        ServiceFault::CancelAnswersLost => Fault::new(FaultKind::Cut).after_work().on(Operation::CANCEL),
        ServiceFault::Hang => Fault::new(FaultKind::Hang).after_work().times(1),
        ServiceFault::Slow => often(latency(Duration::from_millis(300), Duration::from_millis(300))),
        ServiceFault::ExpiredCredentials => Fault::new(FaultKind::ExpiredToken),
        ServiceFault::AccessDenied => Fault::new(FaultKind::AccessDenied),
        ServiceFault::SignaturesRefused => Fault::new(error(
            403,
            "InvalidSignatureException",
            "Signature expired: 20200101T000000Z is now earlier than 20200101T000500Z",
        )),
        // Settings of the simulator.
        ServiceFault::SlotsTaken | ServiceFault::DescribeLags | ServiceFault::ClockAhead => return None,
    };
    Some(fault)
}

/// What strikes the calls for the tasks of one manifest, whose ids match a glob; the first that matches wins.
pub(crate) fn on_task(fault: TaskFault, ids: &str) -> Vec<Fault> {
    let once = |kind| Fault::new(kind).on(Operation::START).task(ids).times(1);
    let answers_late = once(latency(Duration::ZERO, Duration::from_millis(1500)));
    let throttled = |operation, times| Fault::new(FaultKind::Throttle).on(operation).task(ids).times(times);
    match fault {
        TaskFault::AnswerLost(Loss::CutThenThrottled) => {
            vec![once(FaultKind::Cut).after_work(), throttled(Operation::START, 3)]
        }
        TaskFault::AnswerLost(loss) => vec![answers_late, once(lost(loss)).after_work()],
        TaskFault::NeverArrives => vec![
            // So long that what is sent after it can't rest on what was before it any more.
            once(latency(Duration::from_secs(7), Duration::ZERO)),
            once(FaultKind::Cut),
        ],
        TaskFault::StartHangs => vec![once(FaultKind::Hang).after_work()],
        TaskFault::StartIsSlow => vec![once(latency(Duration::ZERO, Duration::from_secs(1)))],
        TaskFault::StartsThrottled => vec![throttled(Operation::START, 4)],
        TaskFault::Invalid => {
            let invalid = error(400, "InvalidRequestException", "Mitigation action does not exist");
            vec![Fault::new(invalid).on(Operation::START).task(ids)]
        }
        // Long enough for a lease to run out.
        TaskFault::CancelsThrottled => vec![throttled(Operation::CANCEL, 6)],
        TaskFault::Like(fault, seed) => everywhere(fault, seed)
            .map(|fault| fault.task(ids))
            .into_iter()
            .collect(),
    }
}

fn lost(loss: Loss) -> FaultKind {
    match loss {
        Loss::Cut | Loss::CutThenThrottled => FaultKind::Cut,
        Loss::ServerError => FaultKind::Internal,
        Loss::LoadBalancer => FaultKind::Unavailable,
        Loss::NotJson => FaultKind::Garbage,
        // Without an error code: with one it would be an answer, and nothing started.
        Loss::UnknownError => FaultKind::Raw {
            status: 418,
            content_type: "text/html".to_owned(),
            body: "<html>".to_owned(),
        },
    }
}

fn latency(before: Duration, after: Duration) -> FaultKind {
    FaultKind::Latency { before, after }
}

fn error(status: u16, code: &str, message: &str) -> FaultKind {
    FaultKind::Error {
        status,
        code: code.to_owned(),
        message: message.to_owned(),
    }
}
