//! What can go wrong with the service and the network.

/// Faults of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServiceFault {
    Throttling,
    Limit,
    /// Others use all slots of the account.
    SlotsTaken,
    InternalErrors,
    Unavailable,
    Cut,
    StartAnswersLost,
    CancelAnswersLost,
    Hang,
    Slow,
    ExpiredCredentials,
    AccessDenied,
    /// Describe doesn't know for a while what was started.
    DescribeLags,
    /// Its clock runs ahead, for good: tasks that ended must not run again.
    ClockAhead,
    /// It takes no signature, as if the clocks were too far apart.
    SignaturesRefused,
}

impl ServiceFault {
    /// Whether it strikes call by call, and so can strike those of some tasks alone.
    pub(crate) fn is_of_calls(self) -> bool {
        !matches!(self, Self::SlotsTaken | Self::DescribeLags | Self::ClockAhead)
    }

    pub(crate) const ALL: [Self; 15] = [
        Self::Throttling,
        Self::Limit,
        Self::SlotsTaken,
        Self::InternalErrors,
        Self::Unavailable,
        Self::Cut,
        Self::StartAnswersLost,
        Self::CancelAnswersLost,
        Self::Hang,
        Self::Slow,
        Self::ExpiredCredentials,
        Self::AccessDenied,
        Self::DescribeLags,
        Self::ClockAhead,
        Self::SignaturesRefused,
    ];
}

/// Faults of the calls for one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskFault {
    /// Start does its work, and after a while the answer is lost, or is one of those that say nothing.
    AnswerLost(Loss),
    /// Start hangs before its work, and then the connection is cut.
    NeverArrives,
    /// Start does its work, and no answer ever comes.
    StartHangs,
    /// Start does its work, and the answer takes seconds.
    StartIsSlow,
    /// The first starts are throttled.
    StartsThrottled,
    /// The service finds fault with the request.
    Invalid,
    CancelsThrottled,
    /// What can strike everybody.
    Like(ServiceFault, u64),
}

/// How an answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    Cut,
    ServerError,
    LoadBalancer,
    NotJson,
    UnknownError,
    /// And the next attempts are refused.
    CutThenThrottled,
}

impl Loss {
    pub(crate) const ALL: [Self; 6] = [
        Self::Cut,
        Self::ServerError,
        Self::LoadBalancer,
        Self::NotJson,
        Self::UnknownError,
        Self::CutThenThrottled,
    ];
}

/// What happens on the way of one replica to the API server or to the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    ApiServer(Way),
    Service(Way),
}

impl Network {
    pub(crate) fn is_to_service(self) -> bool {
        matches!(self, Self::Service(_))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Cut,
    Slow,
    /// Requests don't come through, answers and watches do.
    RequestsHeld,
    Trickle,
    /// Connections break in the middle of an answer.
    Breaks,
    Reset,
}

impl Way {
    pub(crate) const ALL: [Self; 6] = [
        Self::Cut,
        Self::Slow,
        Self::RequestsHeld,
        Self::Trickle,
        Self::Breaks,
        Self::Reset,
    ];
}
