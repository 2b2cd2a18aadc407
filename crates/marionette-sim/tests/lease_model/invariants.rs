//! What must hold in every state that can be reached.

use stateright::Property;

use crate::flaw::Flaw;
use crate::protocol::{Fate, Protocol, Step};
use crate::state::{
    DEATHS_MAX, Faults, Hand, JOBS, Job, Mode, Next, PROCESSES, Stage, State, Wrong,
};

pub(crate) const NOT_TWICE: &str = "no job is completed twice";
pub(crate) const ACCEPTED_IS_KEPT: &str = "an accepted job is never lost";
pub(crate) const STALE_CHANGES_NOTHING: &str = "a stale token changes nothing";
pub(crate) const ONLY_FAILURES_COST: &str = "only a failure costs an attempt";
pub(crate) const ONLY_DEATHS_COUNT: &str = "only the death of its process counts as a crash";
pub(crate) const THREE_DEATHS: &str = "three deaths quarantine, and no fewer";
pub(crate) const NO_OVERLAP: &str = "two run a job only if the earlier lease lapsed";
pub(crate) const CANCELLED_STAYS_SO: &str = "what was cancelled is not started again";
pub(crate) const NO_OTHER_DRAGGED_ALONG: &str = "one poison job drags no other along";
pub(crate) const ENDS: &str = "every job ends once faults stop";

/// All of them.
pub(crate) fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always(NOT_TWICE, |_, state: &State| {
            each(state, |job| job.seen.wins <= 1)
        }),
        Property::always(ACCEPTED_IS_KEPT, |_, state: &State| {
            each(state, |job| !job.accepted || job.stage != Stage::Unknown)
        }),
        Property::always(STALE_CHANGES_NOTHING, |_, state: &State| {
            state.wrong != Some(Wrong::StaleWrote)
        }),
        Property::always(ONLY_FAILURES_COST, |_, state: &State| {
            each(state, |job| job.failed == job.seen.failures)
        }),
        Property::always(ONLY_DEATHS_COUNT, |_, state: &State| {
            each(state, |job| job.crashes == job.seen.deaths)
        }),
        Property::always(THREE_DEATHS, |_, state: &State| each(state, three_deaths)),
        Property::always(NO_OVERLAP, |_, state: &State| {
            (0..JOBS).all(|index| holders(state, index) <= 1)
        }),
        Property::always(CANCELLED_STAYS_SO, |_, state: &State| {
            state.wrong != Some(Wrong::RanAfterCancel)
        }),
        Property::always(NO_OTHER_DRAGGED_ALONG, none_is_dragged_along),
        Property::always(ENDS, ends_once_faults_stop),
    ]
}

fn each(state: &State, holds: impl Fn(&Job) -> bool) -> bool {
    state.jobs.iter().all(holds)
}

fn three_deaths(job: &Job) -> bool {
    match job.stage {
        Stage::Quarantined => job.seen.deaths == DEATHS_MAX,
        Stage::Waits | Stage::Claimed(_) => job.seen.deaths < DEATHS_MAX,
        _ => true,
    }
}

/// Once beside a job that kills its process is bad luck. A claim whose answer was lost can make it
/// twice, as its process does not know that it has a suspect.
fn none_is_dragged_along(protocol: &Protocol, state: &State) -> bool {
    !state.left.poison || state.jobs[1].crashes <= 1 + protocol.faults.losses
}

/// How many processes run an attempt of a job under a lease that has not lapsed since it was
/// renewed.
fn holders(state: &State, index: usize) -> usize {
    let hands = state.processes.iter().map(|process| process.hands[index]);
    hands
        .filter(|hand| matches!(hand, Hand::Running(lease) if !lease.lapsed))
        .count()
}

/// From here, without any further fault, processes that do their duty bring every job to its end.
/// What was delayed never arrives, which is the worst that can become of it.
fn ends_once_faults_stop(protocol: &Protocol, state: &State) -> bool {
    let mut state = state.clone();
    state.delayed.clear();
    state.left = Faults {
        poison: protocol.faults.poison,
        ..Faults::NONE
    };
    // A job needs a turn for each of its lives at most: three deaths, a retry, and the last one.
    for _ in 0..8 {
        if ended(&state) {
            return true;
        }
        turn(&mut state, protocol.flaw);
    }
    ended(&state)
}

fn ended(state: &State) -> bool {
    each(state, |job| {
        job.stage == Stage::Unknown || job.stage.is_end()
    })
}

/// Time passes, and everybody does once what there is to do.
fn turn(state: &mut State, flaw: Flaw) {
    for name in 0..PROCESSES {
        if state.processes[name].mode == Mode::Stopping {
            state.processes[name].mode = Mode::Up;
        }
        if state.processes[name].mode == Mode::Down {
            state.take(Step::Start(name), flaw);
        }
        state.take(Step::Renew(name, Fate::Answered), flaw);
        let present = state.instance(name);
        state.alive[name] = 1 << present.generation;
    }
    for index in 0..JOBS {
        forsaken(state, index, flaw);
        if state.is_sweepable(index, flaw) {
            state.take(Step::Sweep(index), flaw);
        }
        if state.jobs[index].stage == Stage::Waits && state.is_claimable(state.instance(0), index) {
            state.take(Step::Claim(0, 1 << index, Fate::Answered), flaw);
        }
        for name in 0..PROCESSES {
            work(state, name, index, flaw);
        }
    }
}

/// The lease of a job lapses if its process lives and does not know that it has it.
fn forsaken(state: &mut State, index: usize, flaw: Flaw) {
    let Stage::Claimed(who) = state.jobs[index].stage else {
        return;
    };
    let lease = state.processes[who.name].hands[index].lease();
    let known = state.instance(who.name) == who
        && lease.is_some_and(|lease| lease.token == state.jobs[index].token);
    if !known {
        state.lapse_lease(index);
        state.take(Step::Renew(who.name, Fate::Answered), flaw);
    }
}

/// A process brings what it has of a job to its end.
fn work(state: &mut State, name: usize, index: usize, flaw: Flaw) {
    if let Hand::Running(_) = state.processes[name].hands[index] {
        if state.left.poison && index == 0 {
            state.take(Step::Crash(name), flaw);
            return;
        }
        state.take(Step::End(name, index, Next::Done), flaw);
    }
    state.take(Step::Settle(name, index, Fate::Answered), flaw);
}
