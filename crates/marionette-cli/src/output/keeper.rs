//! Keeps the outputs within their bounds while a worker works, beside its work.
//!
//! - What the store deletes here is let go within a second or two.
//! - Each attempt that wrote something is counted for the folder in which its output is. After some
//!   of them it is looked how much is in that folder, so that it costs nothing while nothing is
//!   written, and what is more than its share goes.
//! - What others deleted, or this process before it was killed, is found by a round through all
//!   folders: one when it begins, and one every few hours, slowly.
//!
//! Outputs on a file system of their own that somebody else serves (NFS, FUSE) are left alone,
//! since a worker that waited there for an answer could not end.

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

/// How often it is looked what the store has deleted.
const LOOK: Duration = Duration::from_secs(1);
/// When the first round begins: the first tasks, and runs that are short, have the disk for
/// themselves.
const BEGIN: Duration = Duration::from_secs(2);
/// How many folders are looked at when a worker ends: short runs together look at all.
const AT_END: usize = 2;
/// How often all folders are gone through.
const ROUND: Duration = Duration::from_secs(6 * 3600);
/// What one step of a round takes of the time, one part in so many.
const PART: u32 = 2;
/// The least pause between two steps of a round.
const PAUSE: Duration = Duration::from_millis(2);

/// At work for as long as this lives.
#[derive(Debug)]
pub(crate) struct Keeper {
    made: WrittenOutputs,
    at_work: Arc<AtWork>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Begins to keep the outputs of about so many jobs.
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

    /// The worker has nothing to do any more: lets go what has to, as far as that is soon done.
    pub(crate) async fn end(&self) {
        self.task.abort();
        self.at_work.deleted().await;
        for shard in round().skip(1).take(AT_END) {
            // What cannot be done now is done by another worker.
            let _ = self.at_work.look(shard).await;
        }
    }

    /// Where it is told what was written.
    pub(crate) fn made(&self) -> WrittenOutputs {
        self.made.clone()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // What it leaves undone the next one does.
        self.task.abort();
    }
}

/// How much was written in which folder.
#[derive(Clone, Debug)]
pub(crate) struct WrittenOutputs {
    /// Attempts since their folder was looked at.
    counts: Arc<[AtomicUsize]>,
    /// After how many of them that is due.
    step: usize,
    due: mpsc::Sender<Shard>,
}

impl WrittenOutputs {
    /// An attempt of this job wrote something.
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
    /// The output of how many jobs is kept in each folder.
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

    /// Looks at a folder, and takes a small part of the time for it. What cannot be done now is
    /// done by another round.
    async fn step(&self, shard: Shard) {
        let began = clock::tick();
        let _ = self.look(shard).await;
        sleep((began.elapsed() * (PART - 1)).clamp(PAUSE, LOOK / 4)).await;
    }

    /// Lets go what the store has deleted here.
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
                *ended == Ended::Unknown
            })
            .await;
        }
    }

    /// Lets go what is in a folder of jobs that the store does not know, and the oldest of what is
    /// more than is kept: that of failed jobs last, and that of jobs that have not ended never.
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
                    Ended::Unknown => unknown.push(held.job),
                    Ended::Done(_) => done.push(held.job),
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
        remove(&self.opened, unknown, |ended| *ended == Ended::Unknown).await?;
        remove(&self.opened, done, |ended| *ended != Ended::NotYet).await?;
        Ok(())
    }
}

/// All folders, from one on that is another each time: many a worker ends before the round does.
fn round() -> impl Iterator<Item = Shard> {
    let first = shard::of(TaskId::new());
    let shards = (first..first + SHARDS).map(|shard| Shard(shard % SHARDS));
    std::iter::once(Shard(SHARDS)).chain(shards)
}
