//! Tests of the notes that machines share.

use std::path::{Path, PathBuf};

use super::super::identity::Identity;
use super::super::ledger::{Ledger, Taken, Turn};
use super::*;

/// A lease of a few beats.
const LEASE: Duration = Duration::from_secs(3);

fn identity() -> Identity {
    Identity::File(PathBuf::from("/a"))
}

async fn take(machine: &Path, records: &Records) -> Taken {
    let mut notes = Notes::in_records(machine, records.clone());
    notes.lease = LEASE;
    Ledger::take(&notes, &identity(), 0, "tasks.txt")
        .await
        .unwrap()
}

async fn ours(machine: &Path, records: &Records) -> Ledger {
    match take(machine, records).await {
        Taken::Ours(ledger) => ledger,
        Taken::Theirs(held) => panic!("{held:?}"),
    }
}

fn machines() -> [tempfile::TempDir; 2] {
    [(); 2].map(|()| tempfile::tempdir().unwrap())
}

#[tokio::test]
async fn a_note_that_is_let_go_of_is_on_the_other_machine_at_once() {
    let ([one, other], records) = (machines(), Records::Here(Arc::default()));
    let mut ledger = ours(one.path(), &records).await;
    assert_eq!(ledger.begin().await.unwrap(), Turn::Begins);
    let queue = ledger.queue();
    drop(ledger);
    all_are_let_go().await;
    let mut ledger = ours(other.path(), &records).await;
    assert_eq!(ledger.begin().await.unwrap(), Turn::GoesOn);
    assert_eq!(ledger.queue(), queue);
    ledger.finish().await.unwrap();
    drop(ledger);
    all_are_let_go().await;
    let mut ledger = ours(one.path(), &records).await;
    assert_eq!(ledger.begin().await.unwrap(), Turn::Begins);
    assert_ne!(ledger.queue(), queue);
}

#[tokio::test]
async fn a_slot_that_is_only_looked_at_leaves_nothing_behind() {
    let ([one, _], records) = (machines(), Records::Here(Arc::default()));
    drop(ours(one.path(), &records).await);
    all_are_let_go().await;
    assert_eq!(records.count().await.unwrap(), 0);
}

#[tokio::test]
async fn a_note_is_taken_from_a_dead_machine_and_from_no_other() {
    let ([one, other], records) = (machines(), Records::Here(Arc::default()));
    let mut first = ours(one.path(), &records).await;
    first.begin().await.unwrap();
    let queue = first.queue();
    let Taken::Theirs(held) = take(other.path(), &records).await else {
        panic!("two have it");
    };
    assert_eq!(held.queue, queue);
    // Its process stands still.
    first.stand_still();
    let mut second = ours(other.path(), &records).await;
    assert_eq!(second.begin().await.unwrap(), Turn::GoesOn);
    // It goes on, and can change nothing any more.
    let error = first.finish().await.unwrap_err().to_string();
    assert!(error.contains("has gone on with this run"), "{error}");
    let error = first.is_lost().await.to_string();
    assert!(error.contains("has gone on with this run"), "{error}");
    assert!(second.is_unfinished());
    drop((first, second));
    all_are_let_go().await;
    let mut third = ours(one.path(), &records).await;
    assert_eq!(third.begin().await.unwrap(), Turn::GoesOn);
}

#[tokio::test]
async fn who_lost_the_data_of_the_server_keeps_the_note() {
    let ([one, _], records) = (machines(), Records::Here(Arc::default()));
    let mut ledger = ours(one.path(), &records).await;
    ledger.begin().await.unwrap();
    let key = identity().key(0);
    let older = records.get(&key).await.unwrap();
    ledger.note_removed(&[TaskId::new()]).await.unwrap();
    for data in [older, None] {
        let newest = records.get(&key).await.unwrap();
        assert!(
            records
                .replace(&key, newest.as_deref(), data.as_deref())
                .await
                .unwrap()
        );
        ledger.note_removed(&[TaskId::new()]).await.unwrap();
    }
    let bytes = records.get(&key).await.unwrap().unwrap();
    let found = SharedNote::decode(&key, &bytes).unwrap();
    assert_eq!(found.note.removed.len(), 3);
}

#[tokio::test]
async fn a_note_that_nobody_can_read_is_named() {
    let ([one, _], records) = (machines(), Records::Here(Arc::default()));
    let key = identity().key(0);
    records.replace(&key, None, Some(b"{")).await.unwrap();
    let notes = Notes::in_records(one.path(), records);
    let error = Ledger::take(&notes, &identity(), 0, "tasks.txt").await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains(&key) && error.contains("is not what `run` wrote"),
        "{error}"
    );
}
