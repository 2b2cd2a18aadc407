//! Removes old notes: each new list makes some files, so it removes the notes of the finished runs
//! that were used least recently.

use std::collections::HashSet;

use anyhow::Result;

use super::ledger::{Note, parts, remove as remove_note};
use crate::files::Folder;
use crate::store::{Opened, explain};

/// The number of notes above which old ones are removed.
const KEPT: usize = 1_000;
/// How many notes are removed at once.
const STEP: usize = 100;
/// How many slots of one folder are searched for a note.
const SLOTS: u32 = 64;

/// Removes the oldest notes of runs that are finished and of whose tasks the store has none.
pub(super) async fn remove(opened: &Opened) -> Result<()> {
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

/// Whether a note has to stay because others are found by it: the slots of one folder are numbered,
/// and a search for a list stops at the first that is missing. A note without an identity stays
/// too.
fn is_followed(folder: &Folder, key: &str, note: &Note) -> bool {
    let Some(identity) = &note.identity else {
        return true;
    };
    let slot = (0..SLOTS).find(|slot| identity.key(*slot) == *key);
    let next = slot.map(|slot| format!("{}.json", identity.key(slot + 1)));
    let has = |name| !matches!(folder.stat(name), Ok(None));
    identity.is_list() && next.is_none_or(has)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use marionette::store::Name;

    use super::super::identity::Identity;
    use super::super::ledger::{Ledger, Taken};
    use super::*;
    use crate::files::{Place, Whose};

    fn take(place: &Place, identity: &Identity, slot: u32) -> Ledger {
        match Ledger::take(place, identity, slot, "tasks.txt").unwrap() {
            Taken::Ours(ledger) => ledger,
            Taken::Theirs(held) => panic!("{held:?}"),
        }
    }

    fn run(place: &Place, identity: &Identity, slot: u32) -> Name {
        let mut ledger = take(place, identity, slot);
        ledger.begin().unwrap();
        ledger.finish().unwrap();
        ledger.queue()
    }

    fn removes(place: &Place, key: &str) -> bool {
        let folder = place.open().unwrap().unwrap();
        remove_note(&folder, key, |note| is_followed(&folder, key, note)).unwrap()
    }

    #[test]
    fn no_queue_of_a_run_comes_again_after_its_note_was_removed() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path(), Whose::Ours);
        let identity = Identity::File(PathBuf::from("/a"));
        let first = run(&place, &identity, 0);
        let second = run(&place, &identity, 0);
        assert!(removes(&place, &identity.key(0)));
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
        let mut again = take(&place, &identity, 0);
        assert!(again.reopen().is_err(), "it counts as never run");
        again.begin().unwrap();
        assert!(again.is_first());
        assert!(![first, second].contains(&again.queue()));
        assert!(!removes(&place, &identity.key(0)), "a process has it");
        drop(again);
        assert!(!removes(&place, &identity.key(0)), "it is not finished");
    }

    #[test]
    fn of_the_lists_of_a_folder_the_last_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path(), Whose::Ours);
        let identity = Identity::List(PathBuf::from("/a"));
        run(&place, &identity, 0);
        run(&place, &identity, 1);
        assert!(!removes(&place, &identity.key(0)));
        assert!(removes(&place, &identity.key(1)));
        assert!(removes(&place, &identity.key(0)));
    }
}
