//! The note of a run in a store that machines share: a record that names who holds it.
//!
//! The holder counts up its beat every second. Whoever finds the record held looks whether the beat
//! moves: if it has not for as long as a lease, the holder is dead, and the record is taken over.
//! Each change names the record as it was seen last, so whoever lost it can change nothing any
//! more, and learns of it with its next beat. No clock of another machine is ever compared with
//! ours.

use std::sync::{Arc, Mutex as SyncMutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow};
use marionette::TaskId;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::note::Note;
use super::notes::Notes;
use crate::console::clock;
use crate::console::text::safe;
use crate::console::time::show_duration;
use crate::files::Folder;
use crate::process::host_name;
use crate::store::Records;

/// How often the holder says that it lives.
const BEAT: Duration = Duration::from_secs(1);
/// How often a record that another machine holds is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// After which time without a beat it is told that the holder may be dead.
const TELL: Duration = Duration::from_secs(3);
/// How long the records may take to be let go of, when this process ends.
const LEAVING: Duration = Duration::from_secs(2);

/// What becomes of an attempt to take a record.
#[derive(Debug)]
pub(super) enum Tried {
    /// It is ours, with this note.
    Ours(HeldNote, Note),
    /// Somebody who lives holds it, and runs this generation.
    Theirs(Holder, u64),
}

/// A record: the note of a run, and who holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SharedNote {
    pub(super) note: Note,
    #[serde(default)]
    pub(super) holder: Option<Holder>,
    /// When the note was written last, in milliseconds since 1970, by the clock of its writer.
    #[serde(default)]
    written: u64,
}

/// A process that runs the run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Holder {
    host: Option<String>,
    process: u32,
    /// What no other holder has.
    token: String,
    beat: u64,
}

impl Holder {
    fn this() -> Self {
        Self {
            host: host_name(),
            process: std::process::id(),
            token: TaskId::new().to_string(),
            beat: 0,
        }
    }

    /// The process and its machine, safe to print.
    pub(super) fn words(&self) -> String {
        let host = self.host.as_deref();
        let host = host.map_or_else(String::new, |host| format!(" on {}", safe(host)));
        format!("process {}{host}", self.process)
    }
}

impl SharedNote {
    fn new(note: Note) -> Self {
        Self {
            note,
            holder: None,
            written: millis(),
        }
    }

    pub(super) fn decode(key: &str, bytes: &[u8]) -> Result<Self> {
        let read = serde_json::from_slice(bytes);
        read.with_context(|| {
            format!("the note of the run {key} in the store is not what `run` wrote")
        })
    }

    fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("it has texts and numbers alone")
    }

    /// When the note was written last.
    pub(super) fn written(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.written)
    }
}

/// A record that this process holds, until this is dropped.
#[derive(Debug)]
pub(super) struct HeldNote {
    inner: Arc<Inner>,
    beats: JoinHandle<()>,
}

#[derive(Debug)]
struct Inner {
    records: Records,
    key: String,
    token: String,
    state: Mutex<LastSeen>,
    /// When the note was written before this process took it.
    written: SystemTime,
    /// The process that has taken the record from this one.
    lost: watch::Sender<Option<String>>,
}

#[derive(Debug)]
struct LastSeen {
    record: SharedNote,
    /// The record as the store has it, as far as this process knows.
    seen: Option<Vec<u8>>,
}

/// A holder that is watched, and since when its beat has not moved.
struct Watched {
    holder: Holder,
    since: Instant,
    is_told: bool,
}

impl HeldNote {
    /// Takes a record, unless somebody who lives holds it. `name` is the run in words.
    pub(super) async fn take(
        records: &Records,
        folder: &Folder,
        key: &str,
        notes: &Notes,
        name: &str,
    ) -> Result<Tried> {
        let mut watched: Option<Watched> = None;
        loop {
            let seen = records.get(key).await?;
            let found = seen
                .as_deref()
                .map(|bytes| SharedNote::decode(key, bytes))
                .transpose()?;
            let holder = found.as_ref().and_then(|found| found.holder.as_ref());
            if let Some(holder) = holder.filter(|holder| !was_here(folder, key, holder)) {
                match &mut watched {
                    None => {
                        watched = Some(Watched::begin(holder));
                        notes.watch_instances().await;
                    }
                    Some(watched) if !watched.is_still(holder) => {
                        let generation = found.as_ref().map_or(0, |found| found.note.generation);
                        return Ok(Tried::Theirs(holder.clone(), generation));
                    }
                    Some(watched) => watched.tell(notes, name),
                }
                let lasts = watched
                    .as_ref()
                    .map_or(Duration::ZERO, |it| it.since.elapsed());
                if lasts < notes.lease {
                    sleep(LOOK).await;
                    continue;
                }
            }
            let found = match found {
                Some(found) => found,
                None => SharedNote::new(Note::first(name, notes.last_removed(folder).await?)),
            };
            let note = found.note.clone();
            if let Some(held) = Self::put(records, key, seen, found).await? {
                note_token(folder, key, &held.inner.token);
                return Ok(Tried::Ours(held, note));
            }
        }
    }

    /// Writes this process into the record, if that is still as it was seen.
    async fn put(
        records: &Records,
        key: &str,
        seen: Option<Vec<u8>>,
        mut record: SharedNote,
    ) -> Result<Option<Self>> {
        let holder = Holder::this();
        let token = holder.token.clone();
        record.holder = Some(holder);
        let bytes = record.encode();
        if !records.replace(key, seen.as_deref(), Some(&bytes)).await? {
            return Ok(None);
        }
        let inner = Arc::new(Inner {
            records: records.clone(),
            key: key.to_owned(),
            token,
            written: record.written(),
            state: Mutex::new(LastSeen {
                record,
                seen: Some(bytes),
            }),
            lost: watch::Sender::new(None),
        });
        let beats = tokio::spawn(Arc::clone(&inner).beat());
        Ok(Some(Self { inner, beats }))
    }

    /// Writes the note.
    pub(super) async fn write(&self, note: Note) -> Result<()> {
        let change = |record: &mut SharedNote| {
            record.note = note.clone();
            record.written = millis();
        };
        self.inner.change(change).await
    }

    /// When the note was written last, before this process took it.
    pub(super) fn written(&self) -> SystemTime {
        self.inner.written
    }

    /// Waits until another process has taken the record; returns the error that says so.
    pub(super) async fn is_lost(&self) -> anyhow::Error {
        let mut lost = self.inner.lost.subscribe();
        match lost.wait_for(Option::is_some).await {
            Ok(by) => taken_by(by.as_deref()),
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
impl HeldNote {
    pub(super) fn stand_still(&self) {
        self.beats.abort();
    }
}

/// The record is let go of, so that another machine has it at once.
impl Drop for HeldNote {
    fn drop(&mut self) {
        self.beats.abort();
        let inner = Arc::clone(&self.inner);
        if let Ok(runtime) = Handle::try_current() {
            let leaving = runtime.spawn(async move { inner.let_go().await });
            leavings().push(leaving);
        }
    }
}

/// The records that are being let go of.
static LEAVINGS: SyncMutex<Vec<JoinHandle<()>>> = SyncMutex::new(Vec::new());

fn leavings() -> MutexGuard<'static, Vec<JoinHandle<()>>> {
    LEAVINGS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until all records are let go of, unless the store does not answer.
pub(super) async fn all_are_let_go() {
    let leavings: Vec<_> = leavings().drain(..).collect();
    let all = async {
        for leaving in leavings {
            let _ = leaving.await;
        }
    };
    let _ = timeout(LEAVING, all).await;
}

impl Inner {
    /// Says that this process lives, until the record is lost.
    async fn beat(self: Arc<Self>) {
        while self.lost.borrow().is_none() {
            sleep(BEAT).await;
            // What the store does not answer is said again.
            let _ = self.change(|_| ()).await;
        }
    }

    /// Changes the record, unless it is lost.
    async fn change(&self, change: impl Fn(&mut SharedNote)) -> Result<()> {
        let mut state = self.state.lock().await;
        loop {
            if let Some(by) = &*self.lost.borrow() {
                return Err(taken_by(Some(by)));
            }
            let mut record = state.record.clone();
            change(&mut record);
            if let Some(holder) = &mut record.holder {
                holder.beat += 1;
            }
            let bytes = record.encode();
            let replaced = self
                .records
                .replace(&self.key, state.seen.as_deref(), Some(&bytes));
            if replaced.await? {
                state.record = record;
                state.seen = Some(bytes);
                return Ok(());
            }
            self.look_again(&mut state).await?;
        }
    }

    /// Finds out why the record is not as it was seen last: a call without an answer may have
    /// changed it, and a server that came back with older data has an older one, or none.
    async fn look_again(&self, state: &mut LastSeen) -> Result<()> {
        let seen = self.records.get(&self.key).await?;
        if let Some(bytes) = &seen {
            let found = SharedNote::decode(&self.key, bytes)?;
            if found.holder.as_ref().map(|holder| &holder.token) != Some(&self.token) {
                let by = found
                    .holder
                    .map_or_else(|| "another process".to_owned(), |it| it.words());
                self.lost.send_replace(Some(by));
                return Ok(());
            }
        }
        state.seen = seen;
        Ok(())
    }

    async fn let_go(&self) {
        /// A beat that was given up half-way may have changed the record.
        const TRIES: u32 = 3;
        let mut state = self.state.lock().await;
        for _ in 0..TRIES {
            let mut record = state.record.clone();
            record.holder = None;
            // A slot that was only looked at leaves nothing behind.
            let is_unused = record.note.generation <= record.note.before;
            let new = (!is_unused).then(|| record.encode());
            let (seen, new) = (state.seen.as_deref(), new.as_deref());
            match self.records.replace(&self.key, seen, new).await {
                Ok(false) if self.lost.borrow().is_none() => {}
                _ => return,
            }
            if self.look_again(&mut state).await.is_err() {
                return;
            }
        }
    }
}

fn taken_by(by: Option<&str>) -> anyhow::Error {
    let by = by.unwrap_or("another process");
    anyhow!(
        "{by} has gone on with this run, since this process gave no sign of life for too long; \
         this one stops here"
    )
}

impl Watched {
    fn begin(holder: &Holder) -> Self {
        Self {
            holder: holder.clone(),
            since: clock::tick(),
            is_told: false,
        }
    }

    /// Whether nothing has moved since it is watched.
    fn is_still(&self, holder: &Holder) -> bool {
        self.holder.token == holder.token && self.holder.beat == holder.beat
    }

    /// Says for what it is waited, once that takes a while.
    fn tell(&mut self, notes: &Notes, name: &str) {
        let lasts = self.since.elapsed();
        if self.is_told || lasts < TELL {
            return;
        }
        self.is_told = true;
        notes.tell(&format!(
            "{} began {name} and gives no sign of life; it goes on here in {} unless it does",
            self.holder.words(),
            show_duration(notes.lease.saturating_sub(lasts)),
        ));
    }
}

/// The name of the file with the token that this machine wrote into the record last.
pub(super) fn token_of(key: &str) -> String {
    format!("{key}.token")
}

/// Whether a holder was a process of this machine and this folder. It has ended then, since its
/// lock in this folder is ours.
fn was_here(folder: &Folder, key: &str, holder: &Holder) -> bool {
    let token = folder.read_all(token_of(key)).ok().flatten();
    token.is_some_and(|token| token == holder.token.as_bytes()) && holder.host == host_name()
}

/// Notes the token for [`was_here`]; without it the next process waits for a lease.
fn note_token(folder: &Folder, key: &str, token: &str) {
    use std::io::Write;

    let _ = folder.replace(token_of(key), |file| file.write_all(token.as_bytes()));
}

fn millis() -> u64 {
    let since = clock::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis().try_into().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
