//! A connection that is cut during a call: the call is made again, so it may have had its effect
//! twice, and its answer is that of the second time. Store and model are the same afterwards,
//! except for jobs that were given to a claim whose answer was lost.

use marionette::TaskId;
use marionette::store::{Claimed, Inserted, InstanceId, JobState, Priority};

use crate::model::drive::{Drive, same};
use crate::model::reference::Phase;

/// An error unless store and model count the same, or less where the answer is that of the second
/// time.
pub(super) fn same_count(what: &str, store: u64, model: u64, unsure: bool) -> Result<(), String> {
    if unsure && store <= model {
        return Ok(());
    }
    same(what, store, model)
}

/// Reads an answer as that of the first time: a job that was accepted then is known now.
pub(super) fn known_is_accepted(inserted: &mut [Inserted], expected: &[Inserted]) {
    for (store, model) in inserted.iter_mut().zip(expected) {
        // The queue was full until the same id came again, without a limit.
        let was_not_known = matches!(model, Inserted::Accepted | Inserted::Full);
        if *store == Inserted::Known && was_not_known {
            *store = *model;
        }
    }
}

impl Drive {
    /// Lets the connection be cut in the next call, if that is what comes next. Returns how often
    /// it has been cut.
    pub(super) fn arm(&mut self) -> u64 {
        let place = self.cut.take();
        self.bed.fixture.cut(place)
    }

    /// Whether it has been cut since; it is not cut any more.
    pub(super) fn was_cut(&self, before: u64) -> bool {
        self.bed.fixture.cut(None) > before
    }

    /// The jobs that the instance got with an answer that was lost: either none, or all that were
    /// expected. From now on they run in the model.
    pub(super) async fn lost(
        &mut self,
        instance: InstanceId,
        claimed: &[Claimed],
        expected: &[(Priority, i64)],
    ) -> Result<Vec<usize>, String> {
        let (now, mut lost) = (self.model.now, Vec::new());
        let is_told = |id: TaskId| claimed.iter().any(|claimed| claimed.lease.job == id);
        let jobs = self.model.jobs.iter();
        for job in jobs.filter(|job| job.state(now) == JobState::Ready && !is_told(job.new.id)) {
            let summary = self.bed.summary(job.new.id).await;
            if summary.state == JobState::Running {
                same("who has it", summary.instance, Some(instance))?;
                lost.push((job.new.priority, job.due, job.serial));
            }
        }
        lost.sort_by_key(|(priority, due, _)| (std::cmp::Reverse(*priority), *due));
        if !lost.is_empty() {
            let found = lost.iter().map(|(priority, due, _)| (*priority, *due));
            same("claimed, and lost", found.collect(), expected.to_vec())?;
        }
        let lost: Vec<_> = lost.into_iter().map(|(.., serial)| serial).collect();
        for serial in &lost {
            self.model.start(*serial, instance);
            self.murky.insert(*serial);
        }
        Ok(lost)
    }

    /// Lets more than a lease pass, in which the instances that live do not name these jobs: they
    /// wait again, as if nobody had claimed them.
    pub(super) async fn let_lapse(&mut self, lost: &[usize]) -> Result<(), String> {
        if lost.is_empty() {
            return Ok(());
        }
        for _ in 0..5 {
            self.renew_the_living().await?;
            self.sweep_but_for(lost).await?;
            self.bed.pass(3).await;
            self.model.now += 3;
        }
        self.renew_the_living().await?;
        self.sweep_but_for(lost).await?;
        for job in &mut self.model.jobs {
            if lost.contains(&job.serial) {
                job.phase = Phase::Waiting;
            }
        }
        Ok(())
    }

    async fn renew_the_living(&mut self) -> Result<(), String> {
        for index in 0..self.instances.len() {
            if self.model.is_alive(self.instances[index].id) {
                self.renew(index).await?;
            }
        }
        Ok(())
    }

    /// Sweeps; these jobs may be released too.
    async fn sweep_but_for(&mut self, lost: &[usize]) -> Result<(), String> {
        let swept = self.bed.sweep().await;
        let (released, quarantined, pruned) = self.model.sweep();
        let others = swept.released.saturating_sub(lost.len() as u64);
        let is_right = (others..=swept.released).contains(&released);
        same("released, as may be", is_right, true)?;
        same("quarantined", swept.quarantined, quarantined)?;
        same("pruned", swept.pruned, pruned)
    }
}
