//! How often a scheduled audit runs.

use std::time::Duration;

use crate::core::answer::Frequency;

const DAY: Duration = Duration::from_hours(24);

/// The longest time between two audits of a schedule.
pub fn period(frequency: Frequency) -> Duration {
    DAY * match frequency {
        Frequency::Daily => 1,
        Frequency::Weekly => 7,
        Frequency::Biweekly => 14,
        Frequency::Monthly => 31,
    }
}

/// As AWS writes it.
pub const fn name(frequency: Frequency) -> &'static str {
    match frequency {
        Frequency::Daily => "DAILY",
        Frequency::Weekly => "WEEKLY",
        Frequency::Biweekly => "BIWEEKLY",
        Frequency::Monthly => "MONTHLY",
    }
}

/// The frequency of this name, where this version knows it.
pub fn of_name(text: &str) -> Option<Frequency> {
    Frequency::ALL.into_iter().find(|frequency| name(*frequency) == text)
}

/// How long after its start an audit is acted on: by default until the next is due. Of a schedule whose frequency this
/// version doesn't know, a day: a missed audit is cheap.
pub fn deadline(given: Option<Duration>, frequency: Option<Frequency>) -> Duration {
    given.unwrap_or_else(|| frequency.map_or(DAY, period))
}

/// How far back audits are listed for a policy: two days more than it acts on, since no document says whether the window
/// means the start of an audit; and no further than the service keeps them.
pub fn window(given: Option<Duration>, frequency: Option<Frequency>) -> Duration {
    let unknown = given.is_none() && frequency.is_none();
    let deadline = if unknown { DAY * 31 } else { deadline(given, frequency) };
    (deadline + DAY * 2).min(DAY * 89)
}
