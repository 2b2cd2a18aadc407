//! Clears up: jobs of dead instances, leases that nobody names, jobs that were kept long enough.

use marionette::store::{InstanceId, StoreError, Swept};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::beats::Beat;
use crate::codec;
use crate::link::Parameter;
use crate::server::Server;
use crate::surplus::Surplus;

/// The most jobs that one call takes from instances, and that one prunes.
const STEP: usize = 500;
/// How often a sweep prunes.
const PRUNES: usize = 4;
/// After how many ends it is counted how many done jobs there are.
const COUNT_AFTER: u64 = 4_096;

impl Server {
    pub(crate) async fn sweep(&self) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        self.bury_silent(&mut swept).await?;
        self.free_lapsed(&mut swept).await?;
        self.count_done().await?;
        for _ in 0..PRUNES {
            let pruned = self.prune_old().await?;
            swept.pruned += pruned;
            if pruned < STEP as u64 {
                break;
            }
            swept.more = true;
        }
        let sql = self.sql("SELECT marionette.forget_old_1($1)");
        let kept = codec::length(self.settings.keep_failed);
        self.hot.call(&sql, &[(&kept, Type::INT8)]).await?;
        Ok(swept)
    }

    async fn bury_silent(&self, swept: &mut Swept) -> Result<(), StoreError> {
        let sql = self.sql("SELECT id, beat FROM marionette.beats_1()");
        let rows = self.hot.call(&sql, &[]).await?;
        let beats = rows.iter().map(|row| {
            let (id, beat): (Uuid, Beat) = (row.get(0), row.get(1));
            (InstanceId::from(id), beat)
        });
        let beats: Vec<_> = beats.collect();
        let (now, lease) = (self.settings.clock.monotonic(), self.settings.timing.lease);
        let silent = self.beats.borrow_mut().observe(&beats, now, lease);
        let sql = self
            .sql("SELECT lives, released, quarantined, more FROM marionette.bury_1($1, $2, $3)");
        let mut left = STEP;
        for (instance, beat) in silent {
            if left == 0 {
                swept.more = true;
                break;
            }
            let most = i32::try_from(left).unwrap_or(i32::MAX);
            let (who, most): (_, i32) = (instance.uuid(), most);
            let parameters: [Parameter<'_>; 3] =
                [(&who, Type::UUID), (&beat, Type::INT8), (&most, Type::INT4)];
            let rows = self.hot.call(&sql, &parameters).await?;
            let Some(row) = rows.first() else { continue };
            let (released, quarantined): (i32, i32) = (row.get(1), row.get(2));
            let count = |number: i32| usize::try_from(number).unwrap_or(0);
            swept.released += count(released) as u64;
            swept.quarantined += count(quarantined) as u64;
            // Forgetting an instance is work too.
            left = left.saturating_sub(count(released) + count(quarantined) + 1);
            let (lives, more): (bool, bool) = (row.get(0), row.get(3));
            swept.more |= more;
            if lives || !more {
                self.beats.borrow_mut().forget(instance);
            }
        }
        Ok(())
    }

    /// Gives back the jobs that a living instance has not named for the length of a lease.
    async fn free_lapsed(&self, swept: &mut Swept) -> Result<(), StoreError> {
        let (now, lease) = (self.settings.clock.monotonic(), self.settings.timing.lease);
        let lapsed = self.unnamed.borrow_mut().take_lapsed(now, lease, STEP);
        swept.more |= lapsed.len() == STEP;
        swept.released += self.give_back(&lapsed).await?;
        Ok(())
    }

    /// Prunes what is older than it is kept. Returns how many.
    async fn prune_old(&self) -> Result<u64, StoreError> {
        let sql = self.sql(
            "SELECT marionette.prune_1(marionette.now_1() - $1, b.ended, b.id,
                 marionette.now_1() - $2, $3)
             FROM marionette.beyond_1($4) b",
        );
        let settings = &self.settings;
        let (done, failed) = (
            codec::length(settings.keep_done),
            codec::length(settings.keep_failed),
        );
        let kept = i64::try_from(settings.keep_done_count).unwrap_or(i64::MAX);
        let most = i32::try_from(STEP).unwrap_or(i32::MAX);
        let parameters: [Parameter<'_>; 4] = [
            (&done, Type::INT8),
            (&failed, Type::INT8),
            (&most, Type::INT4),
            (&kept, Type::INT8),
        ];
        let rows = self.hot.call(&sql, &parameters).await?;
        Ok(pruned(&rows))
    }

    /// Whether there are as many done jobs as are kept.
    async fn count_done(&self) -> Result<(), StoreError> {
        let sql = self.sql("SELECT b.id IS NOT NULL FROM marionette.beyond_1($1) b");
        let kept = i64::try_from(self.settings.keep_done_count).unwrap_or(i64::MAX);
        let rows = self.hot.call(&sql, &[(&kept, Type::INT8)]).await?;
        let is_full = rows.first().is_some_and(|row| row.get(0));
        self.surplus.set(Surplus { is_full, ended: 0 });
        Ok(())
    }

    /// After jobs have ended: prunes as many as ended, once there are as many as are kept. What
    /// fails here is the sweep's to do.
    pub(super) async fn prune_after(&self, ended: usize) {
        let mut surplus = self.surplus.get();
        surplus.ended += ended as u64;
        self.surplus.set(surplus);
        if surplus.ended < COUNT_AFTER {
            return;
        }
        if !surplus.is_full {
            let _ = self.count_done().await;
            return;
        }
        self.surplus.set(Surplus {
            ended: 0,
            ..surplus
        });
        let sql = self.sql("SELECT marionette.prune_1(9223372036854775807, NULL, NULL, 0, $1)");
        let most = i32::try_from(surplus.ended).unwrap_or(i32::MAX);
        let _ = self.hot.call(&sql, &[(&most, Type::INT4)]).await;
    }
}

fn pruned(rows: &[tokio_postgres::Row]) -> u64 {
    let pruned: i32 = rows.first().map_or(0, |row| row.get(0));
    u64::try_from(pruned).unwrap_or(0)
}
