//! Successes that the store could not take before their leases lapsed, as when a disk was full for
//! too long. When such a job is claimed here again, its success is written, and it does not run
//! again.

use std::collections::{HashMap, VecDeque};

use crate::clock::Tick;
use crate::durable::job_task::before;
use crate::id::TaskId;
use crate::store::{Attempted, Claimed, Lease, Next, Settlement};

/// At most this many successes are kept, with at most `BYTES_MAX` bytes of results in all. Beyond
/// that the oldest go, and their jobs run again.
const KEPT_MAX: usize = 16 * 1024;
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// The successes that were not written, by job.
#[derive(Default)]
pub(crate) struct Unwritten {
    successes: HashMap<TaskId, Success>,
    /// Their leases, the oldest first. A job may stand here more than once; its last lease counts.
    order: VecDeque<Lease>,
    bytes: usize,
}

struct Success {
    lease: Lease,
    attempt: Option<Attempted>,
    /// How it ended: as done.
    end: Next,
    /// When its lease was given up.
    lapsed: Tick,
}

impl Unwritten {
    /// Keeps a success whose lease lapsed at this time. Drops any other settlement: its job is to
    /// be tried again anyway.
    pub(crate) fn keep(&mut self, settlement: Settlement, lapsed: Tick) {
        let Settlement {
            lease,
            attempt,
            next: end @ (Next::Done(_) | Next::Unkept(_)),
        } = settlement
        else {
            return;
        };
        let success = Success {
            lease,
            attempt,
            end,
            lapsed,
        };
        self.bytes += success.end.bytes();
        self.order.push_back(lease);
        if let Some(old) = self.successes.insert(lease.job, success) {
            self.bytes -= old.end.bytes();
        }
        while self.order.len() > KEPT_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            self.forget(oldest);
        }
    }

    fn forget(&mut self, lease: Lease) -> Option<Success> {
        let kept = self.successes.get(&lease.job)?;
        let success = (kept.lease == lease).then(|| self.successes.remove(&lease.job))??;
        self.bytes -= success.end.bytes();
        Some(success)
    }

    /// Takes the success of a job that is claimed again, if it still counts.
    ///
    /// The success counts if the job was not claimed in between, and was not told to begin anew, in
    /// which case it would be due since a time after its lease lapsed.
    pub(crate) fn of(&mut self, claimed: &Claimed, now: Tick) -> Option<(Option<Attempted>, Next)> {
        let kept = self.successes.get(&claimed.lease.job)?.lease;
        let success = self.forget(kept)?;
        let is_next = claimed.previous == Some(kept.token);
        let counts = is_next && before(now, claimed.age) <= success.lapsed;
        counts.then_some((success.attempt, success.end))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::store::{InstanceId, JobOptions, Name, PastOutcome, Priority};

    fn lease(job: TaskId, token: i64) -> Lease {
        Lease {
            job,
            instance: InstanceId::from(Uuid::nil()),
            row: 7,
            token,
        }
    }

    fn done(lease: Lease, bytes: usize) -> Settlement {
        Settlement {
            lease,
            attempt: Some(Attempted {
                ran: Duration::from_secs(1),
                outcome: PastOutcome::Done,
                error: None,
            }),
            next: Next::Done(vec![b'1'; bytes]),
        }
    }

    /// A claim of the job with a token far above the one of the claim before it.
    fn claimed(job: TaskId, previous: Option<i64>, age: Duration) -> Claimed {
        Claimed {
            lease: lease(job, 1_000),
            previous,
            kind: Name::from_static("add"),
            queue: Name::from_static("default"),
            priority: Priority::default(),
            payload: Vec::new(),
            options: JobOptions::default(),
            failed: 0,
            crashes: 0,
            late: Duration::ZERO,
            age,
            attempts: Vec::new(),
        }
    }

    fn second(number: u64) -> Tick {
        Tick::from_nanos(number * 1_000_000_000)
    }

    const YOUNG: Duration = Duration::from_secs(5);
    const OLD: Duration = Duration::from_secs(50);

    #[test]
    fn a_success_counts_for_the_next_claim_once() {
        let (mut unwritten, job) = (Unwritten::default(), TaskId::new());
        unwritten.keep(done(lease(job, 1), 3), second(90));
        let again = claimed(job, Some(1), OLD);
        let (attempt, next) = unwritten.of(&again, second(100)).expect("it is known");
        assert_eq!(
            attempt.map(|attempt| attempt.outcome),
            Some(PastOutcome::Done)
        );
        assert_eq!(next, Next::Done(b"111".to_vec()));
        assert!(unwritten.of(&again, second(100)).is_none());
        assert_eq!(unwritten.bytes, 0);
    }

    #[test]
    fn it_does_not_count_once_somebody_else_had_the_job_or_let_it_begin_anew() {
        let (mut unwritten, job) = (Unwritten::default(), TaskId::new());
        let claims = [
            (Some(2), OLD),
            // The store forgot that the job was ever claimed.
            (None, OLD),
            (Some(1), YOUNG),
        ];
        for (previous, age) in claims {
            unwritten.keep(done(lease(job, 1), 3), second(90));
            let again = claimed(job, previous, age);
            assert!(
                unwritten.of(&again, second(100)).is_none(),
                "{previous:?} {age:?}"
            );
        }
        let other = claimed(TaskId::new(), Some(1), OLD);
        assert!(unwritten.of(&other, second(100)).is_none());
    }

    #[test]
    fn only_so_much_is_kept() {
        let mut unwritten = Unwritten::default();
        let jobs: Vec<_> = (0..20).map(|_| TaskId::new()).collect();
        for job in &jobs {
            unwritten.keep(done(lease(*job, 1), 1024 * 1024), second(90));
            unwritten.keep(done(lease(*job, 1), 1024 * 1024), second(90));
        }
        assert!(unwritten.bytes <= BYTES_MAX);
        assert!(
            unwritten.successes.len() >= 8,
            "{}",
            unwritten.successes.len()
        );
        let again = claimed(jobs[19], Some(1), OLD);
        assert!(
            unwritten.of(&again, second(100)).is_some(),
            "the newest is there"
        );
        for _ in 0..2 * KEPT_MAX {
            unwritten.keep(done(lease(TaskId::new(), 1), 1), second(90));
        }
        assert!(unwritten.order.len() <= KEPT_MAX && unwritten.successes.len() <= KEPT_MAX);
    }
}
