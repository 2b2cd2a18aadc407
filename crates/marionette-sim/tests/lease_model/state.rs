//! What the model of the lease protocol knows: the store, two processes, what is on its way, and
//! what an onlooker who sees everything has counted.

/// How many managers there are, each with a name that is used again after a crash.
pub(crate) const PROCESSES: usize = 2;
/// How many jobs there are.
pub(crate) const JOBS: usize = 2;
/// A job whose process died so often is quarantined.
pub(crate) const DEATHS_MAX: u8 = 3;
/// How often a job may fail before it is buried.
pub(crate) const RETRIES: u8 = 1;

/// Everything. Two states that are equal have the same future.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct State {
    pub(crate) jobs: [Job; JOBS],
    pub(crate) processes: [Process; PROCESSES],
    /// By name, which instances the store holds for alive; a bit for each.
    pub(crate) alive: [u8; PROCESSES],
    /// Requests whose callers have given up on them; each arrives later or never. In order, since
    /// any of them may be the next.
    pub(crate) delayed: Vec<Request>,
    /// What may still go wrong.
    pub(crate) left: Faults,
    /// What the onlooker saw happen that must not.
    pub(crate) wrong: Option<Wrong>,
}

/// How often something may happen: all that could happen without end has a bound, which keeps the
/// states finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Faults {
    /// Deaths of processes.
    pub(crate) crashes: u8,
    /// Answers that are lost after the call had its effect.
    pub(crate) losses: u8,
    /// Requests that arrive after their callers gave up.
    pub(crate) delays: u8,
    /// Leases of processes that live, and that lapse all the same.
    pub(crate) lapses: u8,
    /// Attempts that fail.
    pub(crate) failures: u8,
    /// Attempts that ask to be run again.
    pub(crate) snoozes: u8,
    /// Managers that are stopped.
    pub(crate) stops: u8,
    /// Jobs that a person cancels.
    pub(crate) cancels: u8,
    /// Ended jobs that a person retries.
    pub(crate) revivals: u8,
    /// Whether the first job kills its process whenever it runs; nothing else does then.
    pub(crate) poison: bool,
}

impl Faults {
    pub(crate) const NONE: Self = Self {
        crashes: 0,
        losses: 0,
        delays: 0,
        lapses: 0,
        failures: 0,
        snoozes: 0,
        stops: 0,
        cancels: 0,
        revivals: 0,
        poison: false,
    };
}

/// A job: what the store keeps, what its producer believes, what the onlooker counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Job {
    pub(crate) stage: Stage,
    pub(crate) token: u8,
    pub(crate) failed: u8,
    pub(crate) crashes: u8,
    /// How old its present lease is by the store's clock.
    pub(crate) age: Age,
    /// Whether somebody wants it cancelled.
    pub(crate) cancel: bool,
    /// Whether its producer was told that it is accepted.
    pub(crate) accepted: bool,
    pub(crate) seen: Seen,
}

/// What the onlooker counts, and no part of the protocol can see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Seen {
    pub(crate) claims: u8,
    pub(crate) wins: u8,
    pub(crate) failures: u8,
    pub(crate) deaths: u8,
}

/// Where a job stands. One that waits may be claimed at any moment: its time is the clock's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Stage {
    #[default]
    Unknown,
    Waits,
    Claimed(Instance),
    Done,
    Dead,
    Cancelled,
    Quarantined,
}

/// How old the lease of a claimed job is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Age {
    #[default]
    Fresh,
    /// It has not been renewed for the length of a lease.
    Lapsed,
    /// Its process has given a sign of life since it lapsed, and did not name it: the claim's
    /// answer was lost. Without that sign it may as well be the process that died.
    GivenUp,
}

impl Stage {
    pub(crate) fn is_end(self) -> bool {
        !matches!(self, Self::Unknown | Self::Waits | Self::Claimed(_))
    }
}

/// A manager from one start to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Instance {
    pub(crate) name: usize,
    pub(crate) generation: u8,
}

/// A manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Process {
    pub(crate) generation: u8,
    pub(crate) mode: Mode,
    /// What it holds of each job. Two attempts of one job in one manager are left out: that the
    /// older one can change nothing is shown by the two in different managers.
    pub(crate) hands: [Hand; JOBS],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Mode {
    Up,
    Stopping,
    Down,
}

/// What a process holds of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Hand {
    #[default]
    Empty,
    Running(Lease),
    /// The attempt has ended, and the store has not answered yet.
    Settling(Lease, Next),
}

impl Hand {
    pub(crate) fn lease(self) -> Option<Lease> {
        match self {
            Self::Empty => None,
            Self::Running(lease) | Self::Settling(lease, _) => Some(lease),
        }
    }

    pub(crate) fn lease_mut(&mut self) -> Option<&mut Lease> {
        match self {
            Self::Empty => None,
            Self::Running(lease) | Self::Settling(lease, _) => Some(lease),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Lease {
    pub(crate) token: u8,
    /// Whether the job's process had died before.
    pub(crate) suspect: bool,
    /// Whether the process was told to cancel it.
    pub(crate) cancel: bool,
    /// The onlooker's: which claim of the job it was…
    pub(crate) claim: u8,
    /// …and whether it has lapsed since it was last renewed.
    pub(crate) lapsed: bool,
}

/// What follows for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Next {
    Done,
    Retry,
    Bury,
    Snooze,
    Release,
    Cancel,
}

/// A call of the store that may arrive when nobody waits for it any more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Request {
    Insert(usize),
    Renew(Instance, [Option<Lease>; JOBS]),
    Settle(usize, Lease, Next),
}

/// What must not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Wrong {
    /// A settlement had an effect although its lease no longer held.
    StaleWrote,
    /// A job was claimed after somebody had been told that it is cancelled.
    RanAfterCancel,
}

impl State {
    /// Both managers run, and nothing is in the store.
    pub(crate) fn new(left: Faults) -> Self {
        let process = Process {
            generation: 0,
            mode: Mode::Up,
            hands: [Hand::Empty; JOBS],
        };
        Self {
            jobs: [Job::default(); JOBS],
            processes: [process; PROCESSES],
            alive: [1; PROCESSES],
            delayed: Vec::new(),
            left,
            wrong: None,
        }
    }

    pub(crate) fn instance(&self, name: usize) -> Instance {
        let generation = self.processes[name].generation;
        Instance { name, generation }
    }

    /// Whether the store holds it for alive.
    pub(crate) fn is_alive(&self, who: Instance) -> bool {
        self.alive[who.name] & (1 << who.generation) != 0
    }

    pub(crate) fn set_alive(&mut self, who: Instance) {
        self.alive[who.name] |= 1 << who.generation;
    }

    pub(crate) fn set_dead(&mut self, who: Instance) {
        self.alive[who.name] &= !(1 << who.generation);
    }
}
