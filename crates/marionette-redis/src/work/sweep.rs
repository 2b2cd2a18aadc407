//! Clears up: jobs of dead instances, leases that lapsed, jobs that were kept for long enough, and
//! what somebody left half done.

use marionette::store::{InstanceId, StoreError, Swept};
use uuid::Uuid;

use crate::codec::{bytes, int, length, list, optional, pairs};
use crate::error::strange;
use crate::life::Beat;
use crate::scripts::Script;
use crate::server::Server;

/// The most jobs that one call of a script takes from instances, forgets or gives back.
const STEP: usize = 500;
/// How often one sweep forgets that many jobs. Jobs that ask for a short time end in any number
/// between two sweeps, and must not pile up.
const PRUNES: usize = 4;

impl Server {
    pub(crate) async fn sweep(&self) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        let beats = self.prune(&mut swept).await?;
        self.bury_silent(&beats, &mut swept).await?;
        self.give_back_lapsed(&mut swept).await?;
        let instances: Vec<_> = beats.into_iter().map(|(instance, _)| instance).collect();
        self.mend(&instances).await?;
        swept.warning = self.warning().await;
        Ok(swept)
    }

    /// Forgets jobs that were kept for long enough. Returns the signs of life of all instances.
    async fn prune(&self, swept: &mut Swept) -> Result<Vec<(InstanceId, Beat)>, StoreError> {
        let settings = &self.settings;
        for prune in 1.. {
            let mut call = self.call(Script::Sweep, &[]);
            call.arg(settings.keep_done_count)
                .arg(length(settings.keep_done))
                .arg(length(settings.keep_failed))
                .arg(STEP);
            let answer = list(self.pulse.call(&call).await?)?;
            let [instances, pruned, more, data] =
                <[_; 4]>::try_from(answer).map_err(|_| strange("the end of a sweep"))?;
            let data = optional(data)?;
            swept.pruned += count(int(pruned)?);
            swept.more = int(more)? == Some(1);
            if swept.more && prune < PRUNES {
                continue;
            }
            if data.is_none() {
                // Somebody has emptied the server: there is no store.
                self.bulk.open().await?;
            }
            self.health
                .borrow_mut()
                .data_is(data, self.settings.clock.monotonic());
            let mut beats = Vec::new();
            for (id, row) in pairs(instances)? {
                let id = Uuid::from_slice(&bytes(id)?).ok();
                let beat = bytes(row)?.first_chunk::<8>().copied();
                // What cannot be read belongs to no instance of ours.
                beats.extend(id.map(InstanceId::from).zip(beat));
            }
            return Ok(beats);
        }
        Ok(Vec::new())
    }

    /// Takes jobs from instances that gave no sign of life for a lease, and forgets those that have
    /// none left.
    async fn bury_silent(
        &self,
        beats: &[(InstanceId, Beat)],
        swept: &mut Swept,
    ) -> Result<(), StoreError> {
        let (now, lease) = (self.settings.clock.monotonic(), self.settings.timing.lease);
        let silent = self.beats.borrow_mut().observe(beats, now, lease);
        let mut left = STEP;
        for (instance, beat) in silent {
            if left == 0 {
                swept.more = true;
                break;
            }
            let buried = self.bury(instance, beat, left).await?;
            let Some([released, quarantined, cancelled, has_more]) = buried else {
                // It lives: it is observed anew.
                self.beats.borrow_mut().forget(instance);
                continue;
            };
            swept.released += released;
            swept.quarantined += quarantined;
            let jobs = released + quarantined + cancelled;
            // Forgetting an instance is work too.
            left = left.saturating_sub(usize::try_from(jobs).unwrap_or(STEP) + 1);
            if has_more == 1 {
                swept.more = true;
            } else {
                self.beats.borrow_mut().forget(instance);
            }
        }
        Ok(())
    }

    /// Takes jobs from an instance whose last sign of life was this one. Returns how many wait
    /// again, were quarantined and were cancelled, and 1 if it may have more; `None` if it lives.
    async fn bury(
        &self,
        instance: InstanceId,
        beat: Beat,
        most: usize,
    ) -> Result<Option<[u64; 4]>, StoreError> {
        let why = format!("its instance died 3 times while it had it; the last was {instance}");
        let mut call = self.call(Script::Bury, &[instance]);
        call.arg(self.channel())
            .arg(Self::random_process())
            .arg(instance.uuid().as_bytes())
            .arg(&beat)
            .arg(most)
            .arg(why);
        let answer = self.bulk(&call).await?;
        if matches!(answer, redis::Value::Nil | redis::Value::Boolean(false)) {
            return Ok(None);
        }
        let mut counts = [0; 4];
        for (place, answer) in counts.iter_mut().zip(list(answer)?) {
            *place = count(int(answer)?);
        }
        Ok(Some(counts))
    }

    /// Gives back the jobs that a living instance has not named for the length of a lease.
    async fn give_back_lapsed(&self, swept: &mut Swept) -> Result<(), StoreError> {
        let (now, lease) = (self.settings.clock.monotonic(), self.settings.timing.lease);
        let lapsed = self.unnamed.borrow_mut().take_lapsed(now, lease, STEP);
        if lapsed.is_empty() {
            return Ok(());
        }
        swept.more |= lapsed.len() == STEP;
        swept.released += self.give_back(&lapsed).await?;
        Ok(())
    }
}

fn count(number: Option<i64>) -> u64 {
    number.and_then(|it| u64::try_from(it).ok()).unwrap_or(0)
}
