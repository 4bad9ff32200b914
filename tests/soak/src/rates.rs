//! How often the operators asked the service, from the simulator's log: by process, by the time of the signature, for
//! what is held up on its way comes in a crowd.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use simulator::{Call, Operation};
use support::busiest;

use crate::{
    monitor::token,
    plan::Site,
    replica::{site_of, slots},
    resources, stranger,
    summary::Summary,
    world::World,
};

/// The operator's own limits by default, for each process: calls a second of each operation.
const STARTS: f64 = 8.0;
const DESCRIBES: f64 = 20.0;
const OTHERS: f64 = 8.0;

/// After a rest a quarter of a second's calls is made at once.
const BURST: f64 = 1.25;

/// With the shortest wait of a fifth of a second, and two looks that don't wait for it: after a restart, and after a
/// cancellation.
const DESCRIBES_OF_AN_ID: usize = 7;

/// Doubling waits of a second, shortened by at most a quarter, leave room for five attempts; and one for the seconds
/// that signatures are rounded to.
const ATTEMPTS_IN_TEN_SECONDS: usize = 6;

const SECOND: Duration = Duration::from_secs(1);

/// The most calls of a process in one second by their signatures.
fn most(operation: Operation, site: Site) -> usize {
    let rate = match operation {
        Operation::START => STARTS,
        Operation::DESCRIBE | Operation::DescribeAuditTask | Operation::DescribeMitigationAction => DESCRIBES,
        _ => OTHERS,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small and positive"
    )]
    let paced = (rate * BURST).ceil() as usize;
    // Whose turn has come may still be reading, or waiting for the lease: as many as have a slot.
    let prepared = match operation {
        Operation::START | Operation::CANCEL => slots(site),
        _ => 1,
    };
    paced + prepared
}

pub(crate) fn rates(world: &World, calls: &[Call], touched: &BTreeMap<String, usize>, summary: &mut Summary) {
    let operators: Vec<_> = calls
        .iter()
        .filter(|call| call.access_key != stranger::ACCESS_KEY)
        .collect();
    let mut paces: BTreeMap<(&str, Operation), Vec<Timestamp>> = BTreeMap::new();
    let mut of_ids: BTreeMap<(&str, Operation, &str, &str), Vec<Timestamp>> = BTreeMap::new();
    for call in &operators {
        let (Some(operation), Some(signed)) = (call.operation, call.signed) else {
            continue;
        };
        let (key, id) = (call.access_key.as_str(), call.task_id.as_deref().unwrap_or_default());
        paces.entry((key, operation)).or_default().push(signed);
        of_ids
            .entry((key, operation, id, token(call)))
            .or_default()
            .push(signed);
    }
    let mut busiest_seconds: BTreeMap<Operation, usize> = BTreeMap::new();
    let mut exceeded = Vec::new();
    for ((key, operation), times) in paces {
        let count = busiest(times, SECOND);
        let known = busiest_seconds.entry(operation).or_default();
        *known = count.max(*known);
        let Some(most) = site_of(key).map(|site| most(operation, site)) else {
            continue;
        };
        if count > most {
            exceeded.push(format!(
                "{key}: {count} times {operation} in a second, more than {most}"
            ));
        }
    }
    summary.check("no process makes more calls a second than its budget allows", exceeded);
    let mut exceeded = Vec::new();
    for ((key, operation, id, _), times) in of_ids {
        let (window, limit) = match operation {
            // What people do to a resource is reason to try again at once.
            Operation::START | Operation::CANCEL => {
                let edits = touched.get(&resources::name_of(id)).copied().unwrap_or_default();
                (10 * SECOND, ATTEMPTS_IN_TEN_SECONDS + edits)
            }
            Operation::DESCRIBE => (SECOND, DESCRIBES_OF_AN_ID),
            _ => continue,
        };
        let count = busiest(times, window);
        if count > limit {
            exceeded.push(format!(
                "{key}: {count} times {operation} of {id} in {window:?}, more than {limit}"
            ));
        }
    }
    summary.check("no task is asked for, started or cancelled again and again", exceeded);
    let of = |operation| busiest_seconds.get(&operation).copied().unwrap_or_default();
    summary.figures.extend([
        (
            "processes",
            world.replicas.iter().map(crate::replica::Replica::processes).sum(),
        ),
        ("calls of the service", operators.len()),
        (
            "calls refused",
            operators.iter().filter(|call| call.code.is_some()).count(),
        ),
        ("starts of a process in its busiest second", of(Operation::START)),
        ("describes of a process in its busiest second", of(Operation::DESCRIBE)),
        ("cancels of a process in its busiest second", of(Operation::CANCEL)),
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_follow_from_the_rates_and_the_slots_of_the_site() {
        let operations = [Operation::START, Operation::DESCRIBE, Operation::CANCEL];
        assert_eq!(operations.map(|operation| most(operation, Site::Here)), [18, 26, 18]);
        assert_eq!(
            operations.map(|operation| most(operation, Site::Elsewhere)),
            [30, 26, 30]
        );
    }
}
