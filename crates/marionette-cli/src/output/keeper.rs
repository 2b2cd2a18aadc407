//! Keeps the outputs within their bounds while an instance works.
//!
//! - The outputs of jobs that this process deletes are removed within a second or two.
//! - Attempts that wrote something are counted for the folder of their output. After a number of
//!   them the outputs in that folder are counted, and those beyond its share are removed. So
//!   nothing is looked at while nothing is written.
//! - Outputs of jobs that other processes deleted, or this process before it was killed, are found
//!   by a round through all folders: one at the start, and one every few hours, slowly.
//!
//! Outputs on a file system of their own that somebody else serves (NFS, FUSE) are left alone,
//! since an instance that waited there for an answer could not end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use marionette::TaskId;
use marionette::store::Ended;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::served::is_served;
use super::{BATCH, SHARDS, Shard, in_background, lock, remove, shard};
use crate::console::clock;
use crate::store::{Forgotten, Opened, explain};

/// How often to ask which jobs the store has deleted.
const LOOK: Duration = Duration::from_secs(1);
/// When the first round begins: until then the first tasks, and short runs, have the disk to
/// themselves.
const BEGIN: Duration = Duration::from_secs(2);
/// How many folders to look at when an instance ends, so that many short runs together look at all.
const AT_END: usize = 2;
/// How often to go through all folders.
const ROUND: Duration = Duration::from_secs(6 * 3600);
/// A step of a round takes one part in this many of the time.
const PART: u32 = 2;
/// The shortest pause between two steps of a round.
const PAUSE: Duration = Duration::from_millis(2);

/// Keeps the outputs for as long as it lives.
#[derive(Debug)]
pub(crate) struct Keeper {
    made: WrittenOutputs,
    at_work: Arc<AtWork>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Begins to keep the outputs of about `keep` jobs.
    pub(crate) fn begin(opened: &Opened, keep: u64) -> Self {
        let share = usize::try_from(keep.div_ceil(SHARDS as u64)).unwrap_or(usize::MAX);
        let (due, shards) = mpsc::channel(SHARDS);
        let made = WrittenOutputs {
            counts: (0..SHARDS).map(|_| AtomicUsize::new(0)).collect(),
            step: (share / 8).max(1),
            due,
        };
        let at_work = Arc::new(AtWork {
            opened: opened.clone(),
            share,
            forgotten: opened.forgotten(),
        });
        let task = tokio::spawn(Arc::clone(&at_work).work(shards));
        Self {
            made,
            at_work,
            task,
        }
    }

    /// Ends the work of the keeper, and removes the outputs whose removal is quick.
    pub(crate) async fn end(&self) {
        self.task.abort();
        self.at_work.deleted().await;
        for shard in round().skip(1).take(AT_END) {
            // Another instance does what cannot be done now.
            let _ = self.at_work.look(shard).await;
        }
    }

    /// The counts of written outputs, for attempts to add to.
    pub(crate) fn made(&self) -> WrittenOutputs {
        self.made.clone()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // The next keeper does what this one leaves undone.
        self.task.abort();
    }
}

/// How many attempts have written into each folder.
#[derive(Clone, Debug)]
pub(crate) struct WrittenOutputs {
    /// The attempts since the folder was last looked at.
    counts: Arc<[AtomicUsize]>,
    /// The number of attempts after which a folder is looked at.
    step: usize,
    due: mpsc::Sender<Shard>,
}

impl WrittenOutputs {
    /// Counts an attempt of this job that wrote something.
    pub(crate) fn note(&self, job: TaskId) {
        let shard = shard::of(job);
        let count = &self.counts[shard];
        if count.fetch_add(1, Ordering::Relaxed) + 1 >= self.step
            && self.due.try_send(Shard(shard)).is_ok()
        {
            count.store(0, Ordering::Relaxed);
        }
    }
}

#[derive(Debug)]
struct AtWork {
    opened: Opened,
    /// The number of jobs whose output is kept in each folder.
    share: usize,
    forgotten: Forgotten,
}

impl AtWork {
    async fn work(self: Arc<Self>, mut due: mpsc::Receiver<Shard>) {
        sleep(BEGIN).await;
        loop {
            let began = clock::tick();
            for shard in round() {
                self.step(shard).await;
                self.deleted().await;
                while let Ok(shard) = due.try_recv() {
                    self.step(shard).await;
                }
            }
            while let Some(left) = ROUND.checked_sub(began.elapsed()) {
                match timeout(left.min(LOOK), due.recv()).await {
                    Ok(Some(shard)) => self.step(shard).await,
                    Ok(None) => return,
                    Err(_) => self.deleted().await,
                }
            }
        }
    }

    /// Looks at a folder, then pauses so that this takes only a part of the time. Another round
    /// does what cannot be done now.
    async fn step(&self, shard: Shard) {
        let began = clock::tick();
        let _ = self.look(shard).await;
        sleep((began.elapsed() * (PART - 1)).clamp(PAUSE, LOOK / 4)).await;
    }

    /// Removes the outputs of the jobs that this process deleted.
    async fn deleted(&self) {
        let jobs = self.forgotten.take();
        if jobs.is_empty() || is_served(&self.opened.outputs().path()) {
            return;
        }
        for jobs in jobs.chunks(BATCH) {
            let Ok(Some(_lock)) = lock(&self.opened).await else {
                return;
            };
            let _ = remove(&self.opened, jobs.to_vec(), |ended| {
                *ended == Ended::Missing
            })
            .await;
        }
    }

    /// Removes from a folder the outputs of jobs that the store does not know, and the oldest
    /// outputs beyond its share: those of failed jobs last, and those of jobs that have not ended
    /// never.
    async fn look(&self, shard: Shard) -> anyhow::Result<()> {
        let most = match shard.0 {
            SHARDS => self.share.saturating_mul(SHARDS),
            _ => self.share,
        };
        let outputs = self.opened.outputs();
        if is_served(&outputs.path()) {
            return Ok(());
        }
        let mut held = in_background(move || shard.held(&outputs, most)).await?;
        if held.is_empty() {
            return Ok(());
        }
        held.sort_by_key(|held| held.written);
        let (mut unknown, mut done, mut failed, mut live) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for held in held.chunks(BATCH) {
            let ids = held.iter().map(|held| held.job).collect();
            let ended = self.opened.store.ended(ids).await.map_err(explain)?;
            for (held, ended) in held.iter().zip(ended) {
                match ended {
                    Ended::Missing => unknown.push(held.job),
                    Ended::Done(_) | Ended::Unkept(_) => done.push(held.job),
                    Ended::NotYet => live += 1,
                    _ => failed.push(held.job),
                }
            }
        }
        let more = (done.len() + failed.len() + live).saturating_sub(most);
        done.append(&mut failed);
        done.truncate(more);
        if unknown.is_empty() && done.is_empty() {
            return Ok(());
        }
        let _lock = lock(&self.opened).await?;
        remove(&self.opened, unknown, |ended| *ended == Ended::Missing).await?;
        remove(&self.opened, done, |ended| *ended != Ended::NotYet).await?;
        Ok(())
    }
}

/// All folders, starting at a random one, since many instances end before the round does.
fn round() -> impl Iterator<Item = Shard> {
    let first = shard::of(TaskId::new());
    let shards = (first..first + SHARDS).map(|shard| Shard(shard % SHARDS));
    std::iter::once(Shard(SHARDS)).chain(shards)
}
