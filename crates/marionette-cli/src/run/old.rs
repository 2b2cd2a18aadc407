//! Removes old notes: each new list makes some files, so it removes the notes of the finished runs
//! that were used least recently.

use std::collections::{BTreeMap, HashSet};

use anyhow::Result;

use super::held::SharedNote;
use super::ledger::remove as remove_note;
use super::note::{Note, REMOVED, parts};
use super::notes::Notes;
use crate::files::Folder;
use crate::store::{Opened, Records, explain};

/// The number of notes above which old ones are removed.
const KEPT: usize = 1_000;
/// How many notes are removed at once.
const STEP: usize = 100;
/// How many slots of one folder are searched for a note.
const SLOTS: u32 = 64;

/// Removes the oldest notes of runs that are finished and of whose tasks the store has none.
pub(super) async fn remove(opened: &Opened) -> Result<()> {
    if let Some(records) = Notes::shared_by(opened)
        && records.count().await? > KEPT as u64
    {
        let counts = opened.store.counts().await.map_err(explain)?;
        let queues = counts.iter().filter_map(|count| parts(&count.queue));
        let used: HashSet<&str> = queues.map(|(key, _)| key).collect();
        remove_records(&records, &used).await?;
    }
    remove_files(opened).await
}

async fn remove_files(opened: &Opened) -> Result<()> {
    let Some(folder) = opened.runs().open()? else {
        return Ok(());
    };
    let mut keys = Vec::new();
    for name in folder.names()? {
        if let Some(key) = name.to_str().and_then(|name| name.strip_suffix(".lock")) {
            keys.push(key.to_owned());
        }
    }
    // One process at a time: the file with the highest removed generation is common to all runs.
    if keys.len() <= KEPT || !folder.lock_now()? {
        return Ok(());
    }
    let counts = opened.store.counts().await.map_err(explain)?;
    let queues = counts.iter().filter_map(|count| parts(&count.queue));
    let used: HashSet<&str> = queues.map(|(key, _)| key).collect();
    let surplus = keys.len() - KEPT;
    keys.retain(|key| !used.contains(key.as_str()));
    #[allow(clippy::unnecessary_cast, clippy::cast_possible_wrap)] // Not on all systems.
    keys.sort_by_cached_key(|key| {
        let stat = folder.stat(format!("{key}.lock")).ok().flatten();
        stat.map(|stat| (stat.st_mtime as i64, stat.st_mtime_nsec as i64))
    });
    for key in keys.iter().take(surplus.min(STEP)) {
        // A note that cannot be read stays for a person to look at.
        let _ = remove_note(&folder, key, |note| is_followed(&folder, key, note));
    }
    Ok(())
}

/// Removes the oldest notes in a store that machines share.
async fn remove_records(records: &Records, used: &HashSet<&str>) -> Result<()> {
    let all: BTreeMap<_, _> = records.all().await?.into_iter().collect();
    let mut old = Vec::new();
    for (key, bytes) in &all {
        // A note that cannot be read stays for a person to look at.
        let Ok(shared) = SharedNote::decode(key, bytes) else {
            continue;
        };
        let next_exists = |next: &str| all.contains_key(next);
        if shared.note.finished
            && shared.holder.is_none()
            && !used.contains(key.as_str())
            && !is_followed_by(key, &shared.note, next_exists)
        {
            old.push((shared.written(), key, bytes, shared.note.generation));
        }
    }
    old.sort_unstable();
    let surplus = all.len().saturating_sub(KEPT);
    for (_, key, bytes, generation) in old.into_iter().take(surplus.min(STEP)) {
        raise_removed(records, generation).await?;
        // One that was used meanwhile stays.
        records.replace(key, Some(bytes), None).await?;
    }
    Ok(())
}

/// Notes that no generation up to this number may come again.
async fn raise_removed(records: &Records, generation: u64) -> Result<()> {
    loop {
        let seen = records.get(REMOVED).await?;
        let last = seen.as_deref().map(String::from_utf8_lossy);
        let last = last.and_then(|last| last.parse().ok()).unwrap_or(0);
        if generation <= last {
            return Ok(());
        }
        let new = generation.to_string();
        if records
            .replace(REMOVED, seen.as_deref(), Some(new.as_bytes()))
            .await?
        {
            return Ok(());
        }
    }
}

/// Whether a note has to stay because others are found by it.
fn is_followed(folder: &Folder, key: &str, note: &Note) -> bool {
    let has = |next: &str| !matches!(folder.stat(format!("{next}.json")), Ok(None));
    is_followed_by(key, note, has)
}

/// As [`is_followed`]: the slots of one folder are numbered, and a search for a list stops at the
/// first that is missing. A note without an identity stays too.
fn is_followed_by(key: &str, note: &Note, has: impl Fn(&str) -> bool) -> bool {
    let Some(identity) = &note.identity else {
        return true;
    };
    let slot = (0..SLOTS).find(|slot| identity.key(*slot) == *key);
    let next = slot.map(|slot| identity.key(slot + 1));
    identity.is_list() && next.is_none_or(|next| has(&next))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use marionette::store::Name;

    use super::super::identity::Identity;
    use super::super::ledger::{Ledger, Taken};
    use super::*;

    async fn take(notes: &Notes, identity: &Identity, slot: u32) -> Ledger {
        match Ledger::take(notes, identity, slot, "tasks.txt")
            .await
            .unwrap()
        {
            Taken::Ours(ledger) => ledger,
            Taken::Theirs(held) => panic!("{held:?}"),
        }
    }

    async fn run(notes: &Notes, identity: &Identity, slot: u32) -> Name {
        let mut ledger = take(notes, identity, slot).await;
        ledger.begin().await.unwrap();
        ledger.finish().await.unwrap();
        ledger.queue()
    }

    fn removes(notes: &Notes, key: &str) -> bool {
        let folder = notes.place.open().unwrap().unwrap();
        remove_note(&folder, key, |note| is_followed(&folder, key, note)).unwrap()
    }

    #[tokio::test]
    async fn no_queue_of_a_run_comes_again_after_its_note_was_removed() {
        let folder = tempfile::tempdir().unwrap();
        let notes = Notes::beside(folder.path());
        let identity = Identity::File(PathBuf::from("/a"));
        let first = run(&notes, &identity, 0).await;
        let second = run(&notes, &identity, 0).await;
        assert!(removes(&notes, &identity.key(0)));
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
        let mut again = take(&notes, &identity, 0).await;
        assert!(again.reopen().await.is_err(), "it counts as never run");
        again.begin().await.unwrap();
        assert!(again.is_first());
        assert!(![first, second].contains(&again.queue()));
        assert!(!removes(&notes, &identity.key(0)), "a process has it");
        drop(again);
        assert!(!removes(&notes, &identity.key(0)), "it is not finished");
    }

    #[tokio::test]
    async fn of_the_lists_of_a_folder_the_last_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let notes = Notes::beside(folder.path());
        let identity = Identity::List(PathBuf::from("/a"));
        run(&notes, &identity, 0).await;
        run(&notes, &identity, 1).await;
        assert!(!removes(&notes, &identity.key(0)));
        assert!(removes(&notes, &identity.key(1)));
        assert!(removes(&notes, &identity.key(0)));
    }
}
