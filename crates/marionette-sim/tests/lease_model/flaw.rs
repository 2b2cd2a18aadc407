//! The broken variants of the protocol, each of which must be found out.

/// One rule of the protocol that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// None: the protocol as it is meant.
    Sound,
    /// A settlement is written to any job that is claimed, whoever claimed it.
    SettleWithoutToken,
    /// A settlement is written if its token is the newest, although the job is no longer claimed.
    SettleByTokenAlone,
    /// The process ignores that its lease was lost, and the store takes what it writes.
    NoFence,
    /// A claim leaves the token as it was.
    ClaimKeepsToken,
    /// A person's retry counts tokens from the beginning.
    RevivalRestartsTokens,
    /// A sweep takes jobs from processes that live.
    SweepTakesFromLiving,
    /// A process is alive while any instance of its name is.
    LivenessByName,
    /// A sweep looks at processes alone: a claim whose answer was lost never lapses.
    LostClaimNeverLapses,
    /// A lease that has lapsed is taken for a lost claim although its process may have died with
    /// it.
    LapseIsNoDeath,
    /// A job that is taken from a process that lives counts as one whose process died.
    LostClaimCountsAsDeath,
    /// Nobody counts how often a job's process died.
    DeathsNotCounted,
    /// A job is quarantined when its process dies for the second time.
    QuarantineTooEarly,
    /// What ran when a process died is run together again.
    SuspectsTogether,
    /// A release counts as a failure.
    ReleaseIsFailure,
    /// A snooze counts as a failure.
    SnoozeIsFailure,
    /// Inserting a job that is known makes it wait again.
    InsertIsNotIdempotent,
    /// A producer is told that its job is accepted before the store has it.
    AcceptedTooEarly,
    /// A job that somebody wants cancelled is retried, released or swept as if nobody did.
    CancelIsForgotten,
}
