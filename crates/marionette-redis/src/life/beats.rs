//! Signs of life. An instance is dead if its beat has not changed for the length of a lease.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use marionette::store::InstanceId;

/// The number of a sign of life. The server counts them for each instance.
pub(crate) type Beat = [u8; 8];

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

    /// When the next instance will have been silent for a lease, if it stays so.
    pub(crate) fn next_silent(&self, lease: Duration, now: Instant) -> Option<Instant> {
        let next = self.seen.values().map(|(_, since)| *since + lease);
        // Those that have been silent for longer are taken care of.
        next.filter(|silent| *silent > now).min()
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
        let mut observe = |beat: u8, secs| {
            let seen = [(idle, [1; 8]), (busy, [beat; 8])];
            beats.observe(&seen, after(secs), lease)
        };
        assert_eq!(observe(1, 0), []);
        assert_eq!(observe(2, 14), []);
        assert_eq!(observe(2, 15), [(idle, [1; 8])]);
        assert_eq!(observe(2, 28), [(idle, [1; 8])]);
        assert_eq!(observe(2, 29).len(), 2);
        assert_eq!(beats.next_silent(lease, after(29)), None);
    }

    #[test]
    fn an_instance_that_is_gone_is_forgotten() {
        let (lease, begin) = (Duration::from_secs(15), crate::clock::monotonic());
        let instance = InstanceId::new();
        let mut beats = Beats::default();
        beats.observe(&[(instance, [1; 8])], begin, lease);
        assert_eq!(beats.next_silent(lease, begin), Some(begin + lease));
        beats.observe(&[], begin + lease, lease);
        assert_eq!(beats.next_silent(lease, begin), None);
        let back = beats.observe(&[(instance, [1; 8])], begin + lease * 2, lease);
        assert_eq!(back, []);
    }
}
