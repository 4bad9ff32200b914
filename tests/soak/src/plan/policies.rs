//! What is done about policies: by people, by the schedules of the service, and to its answers.

use fastrand::Rng;

/// A schedule of audits, named by what they look at. Its audits run on command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Schedule {
    Expiring,
    Revoked,
    Shared,
}

impl Schedule {
    pub(crate) const ALL: [Self; 3] = [Self::Expiring, Self::Revoked, Self::Shared];

    /// The policies that watch it.
    pub(crate) fn policies(self) -> impl Iterator<Item = Policy> {
        Policy::ALL.into_iter().filter(move |policy| policy.schedule() == self)
    }
}

/// A policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Policy {
    /// Asks nobody.
    Automatic,
    /// Asks when there are many findings.
    Bounded,
    /// Asks each time.
    Asking,
    /// Is suspended, edited, deleted and made again.
    Changing,
}

impl Policy {
    pub(crate) const ALL: [Self; 4] = [Self::Automatic, Self::Bounded, Self::Asking, Self::Changing];

    /// Two of them watch the same.
    pub(crate) fn schedule(self) -> Schedule {
        match self {
            Self::Automatic | Self::Bounded => Schedule::Expiring,
            Self::Asking => Schedule::Revoked,
            Self::Changing => Schedule::Shared,
        }
    }
}

/// Something that is done about policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Create(Policy),
    /// Deletes it, and creates it again at once.
    Recreate(Policy),
    Suspend(Policy, bool),
    Edit(Policy, Edit),
    /// An audit runs to its end, and has so many findings.
    Audit(Schedule, u32),
    /// An audit begins.
    Begin(Schedule, u32),
    /// The audits that have begun end, as completed or as failed.
    End(Schedule, bool),
    /// A plan is approved: of the task that waits, or an older one.
    Approve(Policy, Place, Age),
    /// Looks at audits, findings, actions and schedules fail; the number makes the chances repeatable.
    ReadsFail(u64),
    MendReads,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    /// One check more, or one less.
    Mapping,
    /// How many ended tasks are kept.
    Limits,
    /// How many findings are too many.
    Bounds,
}

/// Where an approval is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Task,
    Policy,
}

/// Which plan is approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// The one that is shown.
    Current,
    /// One that was shown before, or never.
    Old,
}

/// What a scene about policies waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// The policy is ready, and audits from now on count.
    Watches(Policy),
    /// Each policy of the schedule has noted its newest audit.
    Noted(Schedule),
    /// The policy's task for the newest audit waits for its approval.
    Awaits(Policy),
    /// The service has the policy's task for the newest audit.
    Starts(Policy),
}

impl Deed {
    /// Whatever comes.
    pub(super) fn random(random: &mut Rng) -> Self {
        let schedule = random.choice(Schedule::ALL).unwrap_or(Schedule::Expiring);
        let policy = random.choice(Policy::ALL).unwrap_or(Policy::Changing);
        let findings = random.u32(0..6);
        let place = if random.bool() { Place::Task } else { Place::Policy };
        match random.u32(..100) {
            // Each supersedes what the one before has led to: not too many.
            0..28 => Self::Audit(schedule, findings),
            28..30 => Self::Begin(schedule, findings),
            30..40 => Self::End(schedule, random.bool()),
            40..55 => Self::Approve(Policy::Bounded, place, Age::Current),
            55..72 => Self::Approve(Policy::Asking, place, Age::Current),
            72..77 => Self::Approve(Policy::Asking, place, Age::Old),
            77..81 => Self::Suspend(Policy::Changing, random.u32(..4) == 0),
            81..84 => Self::Edit(policy, Edit::Mapping),
            84..87 => Self::Edit(policy, Edit::Limits),
            87..90 => Self::Edit(Policy::Bounded, Edit::Bounds),
            90..92 => Self::Recreate(Policy::Changing),
            92..94 => Self::ReadsFail(random.u64(..)),
            _ => Self::MendReads,
        }
    }

    /// What the summary calls it.
    pub(super) fn words(self) -> String {
        match self {
            Self::Create(_) => "create a policy".to_owned(),
            Self::Recreate(_) => "delete a policy and create it again".to_owned(),
            Self::Suspend(_, true) => "suspend a policy".to_owned(),
            Self::Suspend(_, false) => "resume a policy".to_owned(),
            Self::Edit(_, edit) => format!("edit a policy: {edit:?}"),
            Self::Audit(_, 0) => "an audit without findings".to_owned(),
            Self::Audit(..) => "an audit with findings".to_owned(),
            Self::Begin(..) => "an audit begins".to_owned(),
            Self::End(_, true) => "an audit completes later".to_owned(),
            Self::End(_, false) => "an audit fails".to_owned(),
            Self::Approve(_, place, age) => format!("approve: {age:?} plan, in the {place:?}"),
            Self::ReadsFail(_) => "looks at audits fail".to_owned(),
            Self::MendReads => "looks at audits are mended".to_owned(),
        }
    }

    /// One of each kind that there is to try.
    pub(super) fn each() -> Vec<Self> {
        let (policy, schedule) = (Policy::Changing, Schedule::Shared);
        vec![
            Self::Create(policy),
            Self::Recreate(policy),
            Self::Suspend(policy, true),
            Self::Suspend(policy, false),
            Self::Edit(policy, Edit::Mapping),
            Self::Edit(policy, Edit::Limits),
            Self::Edit(policy, Edit::Bounds),
            Self::Audit(schedule, 0),
            Self::Audit(schedule, 1),
            Self::Begin(schedule, 1),
            Self::End(schedule, true),
            Self::End(schedule, false),
            Self::Approve(policy, Place::Task, Age::Current),
            Self::Approve(policy, Place::Policy, Age::Current),
            Self::Approve(policy, Place::Task, Age::Old),
            Self::Approve(policy, Place::Policy, Age::Old),
            Self::ReadsFail(0),
        ]
    }
}
