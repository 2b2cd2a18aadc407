//! Signs of life. An instance is dead if its beat has not changed for the length of a lease.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use marionette::store::InstanceId;

/// The number of a sign of life, which the server counts for each instance; `None` for an instance
/// that has jobs and is not listed.
pub(crate) type Beat = Option<i64>;

/// The last new beat of each instance, and since when it has been known here.
#[derive(Debug, Default)]
pub(crate) struct Beats {
    seen: HashMap<InstanceId, (Beat, Instant)>,
}

impl Beats {
    /// Notes the beats of all instances. Returns those that gave no sign for a lease, with the
    /// beats that were seen.
    pub(crate) fn observe(
        &mut self,
        beats: &[(InstanceId, Beat)],
        now: Instant,
        lease: Duration,
    ) -> Vec<(InstanceId, Beat)> {
        let known: HashSet<_> = beats.iter().map(|(instance, _)| *instance).collect();
        self.seen.retain(|instance, _| known.contains(instance));
        let mut silent = Vec::new();
        for &(instance, beat) in beats {
            let seen = self.seen.entry(instance).or_insert((beat, now));
            if seen.0 != beat {
                *seen = (beat, now);
            }
            if now.duration_since(seen.1) >= lease {
                silent.push((instance, beat));
            }
        }
        silent
    }

    /// Forgets an instance that was buried, or that was alive after all.
    pub(crate) fn forget(&mut self, instance: InstanceId) {
        self.seen.remove(&instance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_instance_whose_beat_has_not_changed_for_a_lease_is_dead() {
        let (lease, begin) = (Duration::from_secs(15), crate::clock::monotonic());
        let after = |secs| begin + Duration::from_secs(secs);
        let [idle, busy] = [InstanceId::new(), InstanceId::new()];
        let mut beats = Beats::default();
        let mut observe = |beat, secs| {
            let seen = [(idle, None), (busy, Some(beat))];
            beats.observe(&seen, after(secs), lease)
        };
        assert_eq!(observe(1, 0), []);
        assert_eq!(observe(2, 14), []);
        assert_eq!(observe(2, 15), [(idle, None)]);
        assert_eq!(observe(2, 28), [(idle, None)]);
        assert_eq!(observe(2, 29).len(), 2);
        beats.forget(idle);
        assert_eq!(beats.observe(&[(idle, None)], after(30), lease), []);
    }
}
