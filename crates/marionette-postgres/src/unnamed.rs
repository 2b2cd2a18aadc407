//! Leases that their instances do not name when they renew: the answer to the claim was lost, so
//! nobody works on the job. They lapse once that has been so for the length of a lease.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use marionette::TaskId;
use marionette::store::{InstanceId, Lease};

/// The leases that the instances of this process have and do not name.
#[derive(Debug, Default)]
pub(crate) struct Unnamed {
    instances: HashMap<InstanceId, Held>,
}

/// One instance.
#[derive(Debug)]
struct Held {
    renewed: Instant,
    /// When it was last known which claims it has not named.
    known: Instant,
    /// When it was last read what the instance has.
    read: Option<Instant>,
    /// The claims that it has not named: token, and since when.
    unnamed: HashMap<TaskId, (i64, Instant)>,
}

impl Unnamed {
    /// Notes that an instance renewed these leases, and has this number of jobs. Returns whether it
    /// has to be read which these are.
    ///
    /// A busy instance nearly always has more than it names, since its next jobs are on their way
    /// to it. So it is read at most four times in a lease.
    pub(crate) fn renewed(
        &mut self,
        instance: InstanceId,
        kept: usize,
        has: usize,
        now: Instant,
        lease: Duration,
    ) -> bool {
        let held = self.instances.entry(instance).or_insert_with(|| Held {
            renewed: now,
            known: now,
            read: None,
            unnamed: HashMap::new(),
        });
        held.renewed = now;
        if has <= kept {
            held.unnamed.clear();
            held.known = now;
            return false;
        }
        let was_read = |read| now.duration_since(read) < lease / 4;
        if held.read.is_some_and(was_read) {
            return false;
        }
        held.read = Some(now);
        true
    }

    /// Notes that an instance named these leases: they do not lapse.
    pub(crate) fn named(&mut self, instance: InstanceId, leases: &[Lease]) {
        let Some(held) = self.instances.get_mut(&instance) else {
            return;
        };
        if held.unnamed.is_empty() {
            return;
        }
        for lease in leases {
            let known = held.unnamed.get(&lease.job);
            if known.is_some_and(|(token, _)| *token == lease.token) {
                held.unnamed.remove(&lease.job);
            }
        }
    }

    /// Notes which jobs an instance has, with their tokens and the times since they were claimed,
    /// while it named these leases.
    pub(crate) fn read(
        &mut self,
        instance: InstanceId,
        has: Vec<(TaskId, i64, Duration)>,
        leases: &[Lease],
        now: Instant,
    ) {
        let Some(held) = self.instances.get_mut(&instance) else {
            return;
        };
        let named: HashSet<_> = leases.iter().map(|it| (it.job, it.token)).collect();
        // The time since the claim is by the wall clock, which may have been stepped. A claim that
        // was not there when this was known last is younger than that.
        let longest = now.duration_since(held.known);
        held.known = now;
        let old = std::mem::take(&mut held.unnamed);
        for (job, token, age) in has {
            if named.contains(&(job, token)) {
                continue;
            }
            let since = match old.get(&job) {
                Some((known, since)) if *known == token => *since,
                _ => now.checked_sub(age.min(longest)).unwrap_or(now),
            };
            held.unnamed.insert(job, (token, since));
        }
    }

    /// Takes the leases that their instances have not named for a lease, up to a number, while
    /// these instances lived.
    pub(crate) fn take_lapsed(
        &mut self,
        now: Instant,
        lease: Duration,
        limit: usize,
    ) -> Vec<Lease> {
        // The jobs of an instance that is silent are those of a dead one before long.
        self.instances
            .retain(|_, held| now.duration_since(held.renewed) < lease);
        let mut lapsed = Vec::new();
        for (instance, held) in &mut self.instances {
            held.unnamed.retain(|job, (token, since)| {
                let is_over = now.duration_since(*since) >= lease && lapsed.len() < limit;
                if is_over {
                    lapsed.push(Lease::new(*job, *instance, 0, *token));
                }
                !is_over
            });
        }
        lapsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(16);

    #[test]
    fn a_lease_lapses_only_if_it_is_not_named_for_a_lease() {
        let begin = crate::clock::monotonic();
        let after = |secs| begin + Duration::from_secs(secs);
        let instance = InstanceId::new();
        let [lost, late] =
            [TaskId::new(), TaskId::new()].map(|job| Lease::new(job, instance, 0, 7));
        let has = || [lost, late].map(|lease| (lease.job, 7, LEASE)).to_vec();
        let mut unnamed = Unnamed::default();
        assert!(unnamed.renewed(instance, 0, 2, after(0), LEASE));
        unnamed.read(instance, has(), &[], after(0));
        assert!(!unnamed.renewed(instance, 1, 2, after(1), LEASE));
        unnamed.named(instance, &[late]);
        assert_eq!(unnamed.take_lapsed(after(15), LEASE, 9), []);
        unnamed.renewed(instance, 1, 2, after(15), LEASE);
        unnamed.read(instance, has(), &[late], after(15));
        assert_eq!(unnamed.take_lapsed(after(16), LEASE, 9), [lost]);
        assert_eq!(unnamed.take_lapsed(after(17), LEASE, 9), [], "each once");
    }

    #[test]
    fn a_lease_lapses_a_lease_after_its_claim_however_seldom_it_is_read_what_an_instance_has() {
        let begin = crate::clock::monotonic();
        let after = |secs| begin + Duration::from_secs(secs);
        let (instance, job) = (InstanceId::new(), TaskId::new());
        let mut unnamed = Unnamed::default();
        unnamed.renewed(instance, 0, 0, after(0), LEASE);
        // By a wall clock that was stepped the second claim is a day old.
        for (secs, age) in [(3, 2), (13, 24 * 60 * 60)] {
            unnamed.renewed(instance, 0, 1, after(secs), LEASE);
            let has = vec![(job, secs.cast_signed(), Duration::from_secs(age))];
            unnamed.read(instance, has, &[], after(secs));
        }
        assert_eq!(unnamed.take_lapsed(after(18), LEASE, 9), []);
        assert_eq!(unnamed.take_lapsed(after(19), LEASE, 9).len(), 1);
    }

    #[test]
    fn a_round_of_several_calls_names_all_that_it_names() {
        let begin = crate::clock::monotonic();
        let instance = InstanceId::new();
        let leases = [TaskId::new(), TaskId::new()].map(|job| Lease::new(job, instance, 0, 7));
        let has: Vec<_> = leases.iter().map(|it| (it.job, 7, LEASE)).collect();
        let mut unnamed = Unnamed::default();
        for secs in 0..40 {
            let now = begin + Duration::from_secs(secs);
            for lease in leases {
                if unnamed.renewed(instance, 1, 2, now, LEASE) {
                    unnamed.read(instance, has.clone(), &[lease], now);
                }
                unnamed.named(instance, &[lease]);
            }
            assert_eq!(unnamed.take_lapsed(now, LEASE, 9), []);
        }
    }

    #[test]
    fn the_leases_of_a_silent_instance_do_not_lapse() {
        let begin = crate::clock::monotonic();
        let instance = InstanceId::new();
        let mut unnamed = Unnamed::default();
        unnamed.renewed(instance, 0, 1, begin, LEASE);
        unnamed.read(instance, vec![(TaskId::new(), 7, LEASE)], &[], begin);
        assert_eq!(unnamed.take_lapsed(begin + LEASE, LEASE, 9), []);
    }
}
