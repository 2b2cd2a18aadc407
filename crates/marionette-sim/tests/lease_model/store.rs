//! The store's side of the protocol: what each call changes, as the contract in
//! `marionette::store` has it, and with one rule broken if there is a flaw.

use crate::flaw::Flaw;
use crate::state::{
    Age, DEATHS_MAX, Hand, Instance, JOBS, Lease, Next, RETRIES, Request, Stage, State, Wrong,
};

/// The answer to a renewal, for one lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renewal {
    Kept,
    Cancel,
    Lost,
}

impl State {
    /// A call arrives; nobody waits for the answer.
    pub(crate) fn arrive(&mut self, request: &Request, flaw: Flaw) {
        match *request {
            Request::Insert(job) => self.insert(job, flaw),
            Request::Renew(who, leases) => {
                self.renew(who, leases);
            }
            Request::Settle(job, lease, next) => self.settle(job, lease, next, flaw),
        }
    }

    pub(crate) fn insert(&mut self, job: usize, flaw: Flaw) {
        let job = &mut self.jobs[job];
        if job.stage == Stage::Unknown || flaw == Flaw::InsertIsNotIdempotent {
            job.stage = Stage::Waits;
        }
    }

    /// Whether a claim by this process can get the job.
    pub(crate) fn is_claimable(&self, who: Instance, job: usize) -> bool {
        self.jobs[job].stage == Stage::Waits && self.is_alive(who)
    }

    pub(crate) fn claim(&mut self, who: Instance, job: usize, flaw: Flaw) -> Lease {
        let job = &mut self.jobs[job];
        if job.cancel {
            self.wrong = Some(Wrong::RanAfterCancel);
        }
        job.stage = Stage::Claimed(who);
        job.age = Age::Fresh;
        job.seen.claims += 1;
        if flaw != Flaw::ClaimKeepsToken {
            job.token += 1;
        }
        Lease {
            token: job.token,
            suspect: job.crashes > 0,
            cancel: false,
            claim: job.seen.claims,
            lapsed: false,
        }
    }

    pub(crate) fn renew(
        &mut self,
        who: Instance,
        leases: [Option<Lease>; JOBS],
    ) -> [Renewal; JOBS] {
        self.set_alive(who);
        let mut answers = [Renewal::Lost; JOBS];
        for (index, lease) in leases.into_iter().enumerate() {
            let job = &mut self.jobs[index];
            if job.stage != Stage::Claimed(who) {
                continue;
            }
            if lease.is_none_or(|lease| lease.token != job.token) {
                if job.age == Age::Lapsed {
                    job.age = Age::GivenUp;
                }
                continue;
            }
            job.age = Age::Fresh;
            let up = self.processes[who.name].generation == who.generation;
            if let Some(lease) = self.processes[who.name].hands[index]
                .lease_mut()
                .filter(|_| up)
            {
                lease.lapsed = false;
            }
            answers[index] = if job.cancel {
                Renewal::Cancel
            } else {
                Renewal::Kept
            };
        }
        answers
    }

    pub(crate) fn settle(&mut self, index: usize, lease: Lease, next: Next, flaw: Flaw) {
        let job = &mut self.jobs[index];
        let claimed = matches!(job.stage, Stage::Claimed(_));
        let newest = job.token == lease.token;
        let holds = match flaw {
            Flaw::SettleWithoutToken => claimed,
            Flaw::SettleByTokenAlone => newest && job.stage != Stage::Unknown,
            Flaw::NoFence => job.stage != Stage::Unknown,
            _ => claimed && newest,
        };
        if !holds {
            return;
        }
        let rightly = claimed && job.seen.claims == lease.claim;
        if !rightly {
            self.wrong = Some(Wrong::StaleWrote);
        }
        let failed = matches!(next, Next::Retry | Next::Bury);
        job.seen.failures += u8::from(failed && rightly);
        job.seen.wins += u8::from(next == Next::Done);
        let counted = failed
            || (next == Next::Release && flaw == Flaw::ReleaseIsFailure)
            || (next == Next::Snooze && flaw == Flaw::SnoozeIsFailure);
        job.failed += u8::from(counted);
        job.stage = match next {
            Next::Done => Stage::Done,
            Next::Bury => Stage::Dead,
            Next::Cancel => Stage::Cancelled,
            Next::Retry | Next::Snooze | Next::Release => job.waits_again(flaw),
        };
    }

    /// Whether a sweep would do something about the job.
    pub(crate) fn is_sweepable(&self, index: usize, flaw: Flaw) -> bool {
        let job = &self.jobs[index];
        let Stage::Claimed(who) = job.stage else {
            return false;
        };
        let alive = match flaw {
            Flaw::LivenessByName => self.alive[who.name] != 0,
            Flaw::SweepTakesFromLiving => false,
            _ => self.is_alive(who),
        };
        let given_up = match flaw {
            Flaw::LostClaimNeverLapses => false,
            Flaw::LapseIsNoDeath => job.age != Age::Fresh,
            _ => job.age == Age::GivenUp,
        };
        !alive || given_up
    }

    /// The part of a sweep that is about one job; a sweep may end after any of them.
    pub(crate) fn sweep(&mut self, index: usize, flaw: Flaw) {
        let Stage::Claimed(who) = self.jobs[index].stage else {
            return;
        };
        let died = !self.is_alive(who);
        let job = &mut self.jobs[index];
        job.seen.deaths += u8::from(died);
        let counted = match flaw {
            Flaw::DeathsNotCounted => false,
            Flaw::LostClaimCountsAsDeath => true,
            _ => died,
        };
        job.crashes += u8::from(counted);
        let limit = match flaw {
            Flaw::QuarantineTooEarly => DEATHS_MAX - 1,
            _ => DEATHS_MAX,
        };
        job.stage = if job.crashes >= limit {
            Stage::Quarantined
        } else {
            job.waits_again(flaw)
        };
        job.age = Age::Fresh;
    }

    /// A person cancels a job; the answer says that it was changed.
    pub(crate) fn cancel(&mut self, index: usize) {
        let job = &mut self.jobs[index];
        match job.stage {
            Stage::Waits => job.stage = Stage::Cancelled,
            Stage::Claimed(_) => job.cancel = true,
            _ => {}
        }
    }

    /// A person makes a job that ended without success ready again.
    pub(crate) fn revive(&mut self, index: usize, flaw: Flaw) {
        let job = &mut self.jobs[index];
        job.stage = Stage::Waits;
        job.cancel = false;
        job.failed = 0;
        job.crashes = 0;
        job.seen.failures = 0;
        job.seen.deaths = 0;
        if flaw == Flaw::RevivalRestartsTokens {
            job.token = 0;
        }
    }

    /// The clock finds that nobody has heard of a process for too long.
    pub(crate) fn lapse(&mut self, who: Instance) {
        self.set_dead(who);
        let process = &mut self.processes[who.name];
        if process.generation == who.generation {
            process.hands.iter_mut().for_each(lapsed);
        }
    }

    /// The clock finds that a lease was not renewed, although its process was heard of.
    pub(crate) fn lapse_lease(&mut self, index: usize) {
        let job = &mut self.jobs[index];
        job.age = Age::Lapsed;
        if let Stage::Claimed(who) = job.stage {
            let process = &mut self.processes[who.name];
            if process.generation == who.generation {
                lapsed(&mut process.hands[index]);
            }
        }
    }
}

impl crate::state::Job {
    fn waits_again(&self, flaw: Flaw) -> Stage {
        if self.cancel && flaw != Flaw::CancelIsForgotten {
            Stage::Cancelled
        } else {
            Stage::Waits
        }
    }

    /// What follows after a failed attempt, as the process decides it.
    pub(crate) fn after_failure(&self) -> Next {
        if self.failed < RETRIES {
            Next::Retry
        } else {
            Next::Bury
        }
    }
}

fn lapsed(hand: &mut Hand) {
    if let Some(lease) = hand.lease_mut() {
        lease.lapsed = true;
    }
}
