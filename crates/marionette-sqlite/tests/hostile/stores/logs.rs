//! Stores beside which lies a log, or an index of it, that is not theirs.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use marionette_sqlite::rusqlite::Connection;

use super::base::{edit, good};
use super::{HostileStore, Kind};

const PAGE: usize = 4096;

pub(super) fn all() -> Vec<HostileStore> {
    let mut stores = logs();
    stores.extend(indexes());
    stores
}

fn store(name: &str, make: fn(&Path)) -> HostileStore {
    HostileStore::new(Kind::Log, name, move |path| {
        good(path);
        edit(path, |connection| {
            let wal = "PRAGMA journal_mode = WAL";
            connection
                .query_row(wal, [], |_| Ok(()))
                .expect("it can be set");
        });
        make(path);
    })
}

/// Logs that are not those of the store.
fn logs() -> Vec<HostileStore> {
    vec![
        store("a log of noise", |path| {
            let noise: Vec<u8> = (0..100_000_u32)
                .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
                .collect();
            fs::write(beside(path, "-wal"), noise).expect("there is room");
        }),
        store("the log of another store", |path| {
            let other = beside(path, ".other");
            good(&other);
            let (wal, _) = log_of(
                &other,
                "UPDATE marionette_job SET state = 4, payload = 'other'",
            );
            fs::write(beside(path, "-wal"), wal).expect("there is room");
            fs::remove_file(other).expect("it is there");
        }),
        store("a log whose last page is beyond all", |path| {
            frame(path, 0xffff_fffe, 3);
        }),
        store("a log that says the file has 16 TiB", |path| {
            frame(path, 2, 0xffff_fffe);
        }),
        store("a log that says the file has one page", |path| {
            frame(path, 2, 1);
        }),
        store("a log with a page 0", |path| frame(path, 0, 5)),
        store("a log with another size of page", |path| {
            let (mut wal, _) = log_of(path, "UPDATE marionette_job SET reason = 'x'");
            wal[8..12].copy_from_slice(&65536_u32.to_be_bytes());
            summed(&mut wal);
            fs::write(beside(path, "-wal"), wal).expect("there is room");
        }),
        store("a log of 16 GiB of nothing", |path| {
            let file = File::create(beside(path, "-wal")).expect("there is room");
            let _ = file.set_len(16 << 30);
        }),
        store("a log in which the tables are a view", |path| {
            let (wal, _) = log_of(
                path,
                "DROP TABLE marionette_queue; CREATE VIEW marionette_queue AS
                 WITH RECURSIVE n (name) AS (SELECT 1 UNION ALL SELECT name + 1 FROM n)
                 SELECT name FROM n",
            );
            fs::write(beside(path, "-wal"), wal).expect("there is room");
        }),
    ]
}

/// Indexes of logs that are not those of the log.
fn indexes() -> Vec<HostileStore> {
    vec![
        store("an index of noise", |path| {
            let (wal, shm) = log_of(path, "UPDATE marionette_job SET reason = 'x'");
            fs::write(beside(path, "-wal"), wal).expect("there is room");
            let noise: Vec<u8> = shm
                .iter()
                .enumerate()
                .map(|(n, byte)| byte ^ (n * 37).to_le_bytes()[0])
                .collect();
            fs::write(beside(path, "-shm"), noise).expect("there is room");
        }),
        store("an index of 16 GiB", |path| {
            let file = File::create(beside(path, "-shm")).expect("there is room");
            let _ = file.set_len(16 << 30);
        }),
        store("the index of another log", |path| {
            let (wal, _) = log_of(path, "UPDATE marionette_job SET reason = 'x'");
            let (_, shm) = log_of(
                path,
                "UPDATE marionette_job SET reason = 'y', payload = 'z'",
            );
            fs::write(beside(path, "-wal"), wal).expect("there is room");
            fs::write(beside(path, "-shm"), shm).expect("there is room");
        }),
    ]
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The log and its index as they are while this has been written and is not copied; the file stays
/// as it was.
fn log_of(path: &Path, sql: &str) -> (Vec<u8>, Vec<u8>) {
    let before = fs::read(path).expect("it is there");
    let connection = Connection::open(path).expect("it is a database");
    let settings = "PRAGMA foreign_keys = OFF; PRAGMA wal_autocheckpoint = 0";
    connection
        .query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))
        .expect("it can be set");
    connection.execute_batch(settings).expect("they can be set");
    connection.execute_batch(sql).expect("it is SQL");
    let wal = fs::read(beside(path, "-wal")).expect("it is there");
    let shm = fs::read(beside(path, "-shm")).expect("it is there");
    drop(connection);
    fs::write(path, before).expect("there is room");
    for ending in ["-wal", "-shm"] {
        let _ = fs::remove_file(beside(path, ending));
    }
    (wal, shm)
}

/// A log with one frame, whose sums are right: this page, after which the file has so many.
fn frame(path: &Path, page: u32, pages: u32) {
    let (mut wal, _) = log_of(path, "UPDATE marionette_job SET reason = 'x'");
    wal.truncate(32 + 24 + PAGE);
    wal[32..36].copy_from_slice(&page.to_be_bytes());
    wal[36..40].copy_from_slice(&pages.to_be_bytes());
    summed(&mut wal);
    fs::write(beside(path, "-wal"), wal).expect("there is room");
}

/// Writes the sums of the head and of the first frame anew.
fn summed(wal: &mut [u8]) {
    let is_big = wal[3] & 1 == 1;
    let page = u32::from_be_bytes(wal[8..12].try_into().expect("four bytes")) as usize;
    let head = sum((0, 0), &wal[..24], is_big);
    wal[24..28].copy_from_slice(&head.0.to_be_bytes());
    wal[28..32].copy_from_slice(&head.1.to_be_bytes());
    let end = (56 + page).min(wal.len()) & !7;
    let body = sum(sum(head, &wal[32..40], is_big), &wal[56..end], is_big);
    wal[48..52].copy_from_slice(&body.0.to_be_bytes());
    wal[52..56].copy_from_slice(&body.1.to_be_bytes());
}

fn sum((mut one, mut two): (u32, u32), bytes: &[u8], is_big: bool) -> (u32, u32) {
    let word = |bytes: &[u8]| {
        let bytes = bytes.try_into().expect("four bytes");
        if is_big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    };
    for pair in bytes.chunks_exact(8) {
        one = one.wrapping_add(word(&pair[..4])).wrapping_add(two);
        two = two.wrapping_add(word(&pair[4..])).wrapping_add(one);
    }
    (one, two)
}
