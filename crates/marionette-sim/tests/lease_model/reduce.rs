//! States that differ only in names are one state, which makes them a hundred times fewer.
//!
//! Three things are left out, none of which the protocol can tell apart: which of the two processes
//! and of the two jobs is which; by how much a token is too old, since a token that is not the
//! newest never becomes the newest again; and what an ended job counted, once that was found right.
//! Broken variants are not reduced, as that is just what some of them get wrong, and the sound one
//! is checked both ways.

use crate::state::{Age, Hand, Instance, JOBS, Job, Lease, PROCESSES, Request, Stage, State};

/// The state that stands for all those that are like this one.
pub(crate) fn representative(mut state: State) -> State {
    for index in 0..JOBS {
        forget_old_tokens(&mut state, index);
        forget_counts(&mut state, index);
    }
    forget_the_dead(&mut state);
    let mut least = state.clone();
    let other = processes_swapped(state.clone());
    if !state.left.poison {
        least = least.min(jobs_swapped(state));
        least = least.min(jobs_swapped(other.clone()));
    }
    least.min(other)
}

fn leases(state: &mut State, index: usize) -> impl Iterator<Item = &mut Lease> {
    let hands = state
        .processes
        .iter_mut()
        .map(move |process| &mut process.hands[index]);
    let delayed = state
        .delayed
        .iter_mut()
        .filter_map(move |request| match request {
            Request::Insert(_) => None,
            Request::Renew(_, leases) => leases[index].as_mut(),
            Request::Settle(job, lease, _) => (*job == index).then_some(lease),
        });
    hands.filter_map(Hand::lease_mut).chain(delayed)
}

fn forget_old_tokens(state: &mut State, index: usize) {
    let job = state.jobs[index];
    let claimed = matches!(job.stage, Stage::Claimed(_));
    for lease in leases(state, index) {
        let newest = u8::from(claimed && lease.token == job.token);
        lease.token = newest;
        lease.claim = newest;
    }
    let job = &mut state.jobs[index];
    job.token = u8::from(claimed);
    job.seen.claims = u8::from(claimed);
    if !claimed {
        job.age = Age::Fresh;
    }
}

fn forget_counts(state: &mut State, index: usize) {
    let poison = state.left.poison;
    let job = &mut state.jobs[index];
    if !job.stage.is_end() || poison {
        return;
    }
    if job.failed == job.seen.failures {
        job.failed = 0;
        job.seen.failures = 0;
    }
    if job.stage != Stage::Quarantined {
        job.crashes = 0;
        job.seen.deaths = 0;
    }
    job.cancel = false;
}

/// An instance that has ended, has no job, and has no request on its way, is looked at by
/// nobody.
fn forget_the_dead(state: &mut State) {
    for name in 0..PROCESSES {
        state.alive[name] &= used(state, name);
    }
}

/// Which instances of a name are spoken of anywhere; a bit for each.
fn used(state: &State, name: usize) -> u8 {
    let present = state.instance(name);
    let owners = state.jobs.iter().filter_map(|job| match job.stage {
        Stage::Claimed(who) => Some(who),
        _ => None,
    });
    let askers = state.delayed.iter().filter_map(|request| match request {
        Request::Renew(who, _) => Some(*who),
        _ => None,
    });
    let all = owners.chain(askers).chain([present]);
    let bit = |who: Instance| u8::from(who.name == name) << who.generation;
    all.fold(0, |bits, who| bits | bit(who))
}

impl State {
    /// A generation of a name that nothing speaks of: as good as a new one, and there are few.
    pub(crate) fn unused(&self, name: usize) -> u8 {
        let used = used(self, name);
        let free = (0..8).find(|generation| used & (1 << generation) == 0);
        free.expect("two jobs and a few requests do not speak of eight instances")
    }
}

fn processes_swapped(mut state: State) -> State {
    state.processes.swap(0, 1);
    state.alive.swap(0, 1);
    let swap = |who: &mut Instance| who.name = PROCESSES - 1 - who.name;
    for job in &mut state.jobs {
        if let Stage::Claimed(who) = &mut job.stage {
            swap(who);
        }
    }
    for request in &mut state.delayed {
        if let Request::Renew(who, _) = request {
            swap(who);
        }
    }
    state.delayed.sort_unstable();
    state
}

fn jobs_swapped(mut state: State) -> State {
    let jobs: &mut [Job; JOBS] = &mut state.jobs;
    jobs.swap(0, 1);
    for process in &mut state.processes {
        process.hands.swap(0, 1);
    }
    for request in &mut state.delayed {
        match request {
            Request::Insert(job) | Request::Settle(job, ..) => *job = JOBS - 1 - *job,
            Request::Renew(_, leases) => leases.swap(0, 1),
        }
    }
    state.delayed.sort_unstable();
    state
}
