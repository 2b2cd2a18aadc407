//! What can happen next in every state, for the checker: the calls of processes, producers and
//! persons, the clock, and every fault.

use stateright::{Model, Property};

use crate::flaw::Flaw;
use crate::invariants;
use crate::reduce::representative;
use crate::state::{
    Age, Faults, Hand, Instance, JOBS, Mode, Next, PROCESSES, Request, Stage, State,
};
use crate::store::Renewal;

/// The protocol with at most these faults, and with at most one rule broken.
#[derive(Clone, Debug)]
pub(crate) struct Protocol {
    pub(crate) faults: Faults,
    pub(crate) flaw: Flaw,
    pub(crate) names: Names,
}

/// Whether states that differ in names alone are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    Kept,
    Reduced,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Insert(usize, Fate),
    /// A process claims the job whose bit is set, or both.
    Claim(usize, usize, Fate),
    Renew(usize, Fate),
    /// An attempt ends, and this is what follows.
    End(usize, usize, Next),
    Settle(usize, usize, Fate),
    Sweep(usize),
    Start(usize),
    Stop(usize),
    Leave(usize),
    Crash(usize),
    /// A process that could not renew in time drops what it holds, and writes nothing more of it.
    Fence(usize),
    Lapse(Instance),
    LapseLease(usize),
    Cancel(usize),
    Revive(usize),
    /// A delayed request arrives.
    Arrive(usize),
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Answered,
    /// It has its effect, and its caller does not learn of it.
    AnswerLost,
    /// Its caller gives up before it arrives.
    Delayed,
}

impl Model for Protocol {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self.faults)]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        for index in 0..JOBS {
            self.of_job(state, index, steps);
        }
        for name in 0..PROCESSES {
            self.of_process(state, name, steps);
        }
        steps.extend((0..state.delayed.len()).map(Step::Arrive));
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        state.take(step, self.flaw);
        if self.names == Names::Reduced {
            state = representative(state);
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        invariants::all()
    }
}

impl Protocol {
    fn of_job(&self, state: &State, index: usize, steps: &mut Vec<Step>) {
        let job = &state.jobs[index];
        let left = &state.left;
        if !job.accepted {
            fates(left, steps, |fate| Step::Insert(index, fate));
        }
        if let Stage::Claimed(who) = job.stage {
            if state.is_sweepable(index, self.flaw) || self.flaw == Flaw::SweepTakesFromLiving {
                steps.push(Step::Sweep(index));
            }
            let held = state.instance(who.name) == who
                && state.processes[who.name].hands[index]
                    .lease()
                    .is_some_and(|lease| lease.token == job.token);
            if job.age == Age::Fresh && state.is_alive(who) && (!held || left.lapses > 0) {
                steps.push(Step::LapseLease(index));
            }
        }
        if left.cancels > 0 && matches!(job.stage, Stage::Waits | Stage::Claimed(_)) && !job.cancel
        {
            steps.push(Step::Cancel(index));
        }
        if left.revivals > 0 && job.stage.is_end() && job.stage != Stage::Done {
            steps.push(Step::Revive(index));
        }
    }

    fn of_process(&self, state: &State, name: usize, steps: &mut Vec<Step>) {
        let process = &state.processes[name];
        let left = &state.left;
        let who = state.instance(name);
        for generation in 0..8 {
            let old = Instance { name, generation };
            let down = old != who || process.mode == Mode::Down;
            if state.is_alive(old) && (down || left.lapses > 0) {
                steps.push(Step::Lapse(old));
            }
        }
        if process.mode == Mode::Down {
            steps.push(Step::Start(name));
            return;
        }
        let dies = if left.poison {
            matches!(process.hands[0], Hand::Running(_))
        } else {
            left.crashes > 0
        };
        if dies {
            steps.push(Step::Crash(name));
        }
        if process.mode == Mode::Up {
            self.claims(state, name, steps);
            if left.stops > 0 {
                steps.push(Step::Stop(name));
            }
        }
        let idle = process.hands == [Hand::Empty; JOBS];
        if process.mode == Mode::Stopping && idle {
            steps.push(Step::Leave(name));
        }
        if !idle && !state.is_alive(who) {
            steps.push(Step::Fence(name));
        }
        fates(left, steps, |fate| Step::Renew(name, fate));
        for index in 0..JOBS {
            attempt(state, name, index, steps);
        }
    }

    fn claims(&self, state: &State, name: usize, steps: &mut Vec<Step>) {
        let who = state.instance(name);
        for jobs in 1..1 << JOBS {
            let chosen = |index: usize| jobs & (1 << index) != 0;
            let mut claimable = true;
            let mut suspects = 0;
            for index in 0..JOBS {
                let lease = state.processes[name].hands[index].lease();
                suspects += usize::from(if chosen(index) {
                    state.jobs[index].crashes > 0
                } else {
                    lease.is_some_and(|lease| lease.suspect)
                });
                claimable &= !chosen(index) || state.is_claimable(who, index);
            }
            if claimable && (suspects <= 1 || self.flaw == Flaw::SuspectsTogether) {
                steps.push(Step::Claim(name, jobs, Fate::Answered));
                if state.left.losses > 0 {
                    steps.push(Step::Claim(name, jobs, Fate::AnswerLost));
                }
            }
        }
    }
}

/// How an attempt can end, and how its settlement can go.
fn attempt(state: &State, name: usize, index: usize, steps: &mut Vec<Step>) {
    let process = &state.processes[name];
    let left = &state.left;
    match process.hands[index] {
        Hand::Empty => {}
        Hand::Settling(..) => fates(left, steps, |fate| Step::Settle(name, index, fate)),
        Hand::Running(lease) => {
            if process.mode == Mode::Stopping {
                steps.push(Step::End(name, index, Next::Release));
            }
            if left.poison && index == 0 {
                return;
            }
            steps.push(Step::End(name, index, Next::Done));
            if left.failures > 0 {
                steps.push(Step::End(name, index, state.jobs[index].after_failure()));
            }
            if left.snoozes > 0 {
                steps.push(Step::End(name, index, Next::Snooze));
            }
            if lease.cancel {
                steps.push(Step::End(name, index, Next::Cancel));
            }
        }
    }
}

fn fates(left: &Faults, steps: &mut Vec<Step>, step: impl Fn(Fate) -> Step) {
    steps.push(step(Fate::Answered));
    if left.losses > 0 {
        steps.push(step(Fate::AnswerLost));
    }
    if left.delays > 0 {
        steps.push(step(Fate::Delayed));
    }
}

impl State {
    /// Takes a step that is possible.
    pub(crate) fn take(&mut self, step: Step, flaw: Flaw) {
        match step {
            Step::Insert(index, fate) => self.take_insert(index, fate, flaw),
            Step::Claim(name, jobs, fate) => self.take_claim(name, jobs, fate, flaw),
            Step::Renew(name, fate) => self.take_renew(name, fate, flaw),
            Step::Settle(name, index, fate) => self.take_settle(name, index, fate, flaw),
            Step::End(name, index, next) => self.take_end(name, index, next),
            Step::Sweep(index) => self.sweep(index, flaw),
            Step::Start(name) => {
                self.processes[name].generation = self.unused(name);
                self.processes[name].mode = Mode::Up;
                self.set_alive(self.instance(name));
            }
            Step::Stop(name) => {
                self.left.stops -= 1;
                self.processes[name].mode = Mode::Stopping;
            }
            Step::Leave(name) => self.processes[name].mode = Mode::Down,
            Step::Crash(name) => {
                self.left.crashes = self.left.crashes.saturating_sub(1);
                self.processes[name].mode = Mode::Down;
                self.processes[name].hands = [Hand::Empty; JOBS];
            }
            Step::Fence(name) => self.processes[name].hands = [Hand::Empty; JOBS],
            Step::Lapse(who) => {
                let up =
                    self.instance(who.name) == who && self.processes[who.name].mode != Mode::Down;
                self.left.lapses -= u8::from(up);
                self.lapse(who);
            }
            Step::LapseLease(index) => self.take_lapse_lease(index),
            Step::Cancel(index) => {
                self.left.cancels -= 1;
                self.cancel(index);
            }
            Step::Revive(index) => {
                self.left.revivals -= 1;
                self.revive(index, flaw);
            }
            Step::Arrive(index) => {
                let request = self.delayed.remove(index);
                self.arrive(&request, flaw);
            }
        }
    }

    fn take_insert(&mut self, index: usize, fate: Fate, flaw: Flaw) {
        if self.spend(fate, || Request::Insert(index)) {
            self.insert(index, flaw);
        }
        self.jobs[index].accepted |=
            fate == Fate::Answered || (fate == Fate::Delayed && flaw == Flaw::AcceptedTooEarly);
    }

    fn take_claim(&mut self, name: usize, jobs: usize, fate: Fate, flaw: Flaw) {
        let who = self.instance(name);
        self.left.losses -= u8::from(fate == Fate::AnswerLost);
        for index in (0..JOBS).filter(|index| jobs & (1 << index) != 0) {
            let lease = self.claim(who, index, flaw);
            if fate == Fate::Answered {
                self.processes[name].hands[index] = Hand::Running(lease);
            }
        }
    }

    fn take_renew(&mut self, name: usize, fate: Fate, flaw: Flaw) {
        let who = self.instance(name);
        let leases = self.processes[name].hands.map(Hand::lease);
        if !self.spend(fate, || {
            Request::Renew(who, leases.map(|lease| lease.map(sent)))
        }) {
            return;
        }
        let answers = self.renew(who, leases);
        if fate != Fate::Answered {
            return;
        }
        for (hand, answer) in self.processes[name].hands.iter_mut().zip(answers) {
            match answer {
                Renewal::Kept => {}
                Renewal::Cancel => {
                    if let Hand::Running(lease) = hand {
                        lease.cancel = true;
                    }
                }
                Renewal::Lost if flaw == Flaw::NoFence => {}
                Renewal::Lost => *hand = Hand::Empty,
            }
        }
    }

    fn take_end(&mut self, name: usize, index: usize, next: Next) {
        let Hand::Running(lease) = self.processes[name].hands[index] else {
            return;
        };
        self.left.failures -= u8::from(matches!(next, Next::Retry | Next::Bury));
        self.left.snoozes -= u8::from(next == Next::Snooze);
        self.processes[name].hands[index] = Hand::Settling(lease, next);
    }

    fn take_settle(&mut self, name: usize, index: usize, fate: Fate, flaw: Flaw) {
        let Hand::Settling(lease, next) = self.processes[name].hands[index] else {
            return;
        };
        if self.spend(fate, || Request::Settle(index, sent(lease), next)) {
            self.settle(index, lease, next, flaw);
        }
        if fate == Fate::Answered {
            // Written or stale: both ways there is nothing more to do for this process.
            self.processes[name].hands[index] = Hand::Empty;
        }
    }

    fn take_lapse_lease(&mut self, index: usize) {
        let Stage::Claimed(who) = self.jobs[index].stage else {
            return;
        };
        let held = self.instance(who.name) == who
            && self.processes[who.name].hands[index]
                .lease()
                .is_some_and(|lease| lease.token == self.jobs[index].token);
        self.left.lapses -= u8::from(held);
        self.lapse_lease(index);
    }

    /// Pays for what becomes of a call; false if it does not arrive now.
    fn spend(&mut self, fate: Fate, request: impl FnOnce() -> Request) -> bool {
        match fate {
            Fate::Answered => true,
            Fate::AnswerLost => {
                self.left.losses -= 1;
                true
            }
            Fate::Delayed => {
                self.left.delays -= 1;
                self.delayed.push(request());
                self.delayed.sort_unstable();
                false
            }
        }
    }
}

/// A lease as it travels: without what only the onlooker and the process know.
fn sent(lease: crate::state::Lease) -> crate::state::Lease {
    crate::state::Lease {
        suspect: false,
        cancel: false,
        lapsed: false,
        ..lease
    }
}
