//! What is done and when, as a function of the seed alone.

use std::time::Duration;

use fastrand::Rng;

/// How many manifests there are; each has its own name and lives several lives.
pub(crate) const MANIFESTS: usize = 24;

/// Every sixth manifest is created suspended: what is suspended can still be edited.
pub(crate) fn is_born_suspended(manifest: usize) -> bool {
    manifest % 6 == 5
}

/// The longest wait between two steps.
const LONGEST_WAIT_MILLIS: u64 = 500;

/// Something that is done at a time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    /// Since the beginning.
    pub(crate) at: Duration,
    pub(crate) action: Action,
}

/// Something that people, the network, or the service do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Action {
    /// Creates the manifest's resource; again, where it was deleted.
    Create(usize),
    /// Edits the audit that the resource is about.
    Edit(usize),
    Suspend(usize, bool),
    Cancel(usize),
    Delete(usize),
    /// Somebody else starts the id that the manifest names, with the same request or another.
    Stranger {
        manifest: usize,
        same_request: bool,
    },
    /// SIGKILL, and a new process.
    Kill(usize),
    /// SIGTERM, and a new process.
    Terminate(usize),
    Service(ServiceFault, u64),
    Network(usize, Network),
    /// The faults of the service end; those of the network too, or they go on until a lease is lost.
    Mend {
        network: bool,
    },
}

/// Faults of the service; the number beside one in an [`Action`] makes its chances repeatable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServiceFault {
    Throttling,
    Limit,
    InternalErrors,
    Unavailable,
    Cut,
    StartAnswersLost,
    CancelAnswersLost,
    Hang,
    Slow,
    ExpiredCredentials,
}

/// What happens on the way of one replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    ApiServerCut,
    ApiServerSlow,
    ApiServerReset,
    ServiceCut,
    ServiceReset,
}

const SERVICE: [ServiceFault; 10] = [
    ServiceFault::Throttling,
    ServiceFault::Limit,
    ServiceFault::InternalErrors,
    ServiceFault::Unavailable,
    ServiceFault::Cut,
    ServiceFault::StartAnswersLost,
    ServiceFault::CancelAnswersLost,
    ServiceFault::Hang,
    ServiceFault::Slow,
    ServiceFault::ExpiredCredentials,
];

const NETWORK: [Network; 5] = [
    Network::ApiServerCut,
    Network::ApiServerSlow,
    Network::ApiServerReset,
    Network::ServiceCut,
    Network::ServiceReset,
];

const MEND: Action = Action::Mend { network: true };

/// The plan of a seed. A longer one begins with the shorter one.
pub(crate) fn plan(seed: u64, length: Duration) -> Vec<Step> {
    let mut random = Rng::with_seed(seed);
    let mut at = Duration::ZERO;
    let mut steps = Vec::new();
    loop {
        at += Duration::from_millis(random.u64(20..LONGEST_WAIT_MILLIS));
        // Drawn in any case, so that nothing depends on the length.
        let action = action(&mut random);
        if at >= length {
            return steps;
        }
        steps.push(Step { at, action });
    }
}

fn action(random: &mut Rng) -> Action {
    let manifest = random.usize(..MANIFESTS);
    let suspended = manifest / 6 * 6 + 5;
    let replica = random.usize(..2);
    match random.u32(..100) {
        0..40 => Action::Create(manifest),
        40..44 => Action::Edit(suspended),
        44..46 => Action::Edit(manifest),
        46..50 => Action::Suspend(suspended, false),
        50..53 => Action::Suspend(manifest, true),
        53..57 => Action::Cancel(manifest),
        57..69 => Action::Delete(manifest),
        69..73 => Action::Stranger {
            manifest,
            same_request: random.bool(),
        },
        73..75 => Action::Kill(replica),
        75..77 => Action::Terminate(replica),
        77..86 => {
            let fault = SERVICE.get(random.usize(..SERVICE.len()));
            fault.map_or(MEND, |fault| Action::Service(*fault, random.u64(..)))
        }
        86..91 => {
            let network = NETWORK.get(random.usize(..NETWORK.len()));
            network.map_or(MEND, |network| Action::Network(replica, *network))
        }
        _ => Action::Mend { network: random.bool() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_follows_from_its_seed_and_a_longer_one_begins_with_it() {
        let (short, long) = (Duration::from_secs(20), Duration::from_mins(10));
        let all = plan(1, long);
        let first = plan(1, short);
        assert!(all.starts_with(&first));
        assert!(first.len() > 40, "{}", first.len());
        assert_ne!(plan(2, short), first);
        assert!(
            all.iter()
                .any(|step| matches!(step.action, Action::Edit(manifest) if is_born_suspended(manifest)))
        );
    }
}
