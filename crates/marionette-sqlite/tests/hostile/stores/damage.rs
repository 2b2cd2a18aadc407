//! Stores whose pages are damaged, at random and on purpose.

use std::fs;
use std::path::Path;

use super::base::{base, edit, edit_schema, good, insert_job, sort};
use super::{HostileStore, Kind};

const PAGE: usize = 4096;
/// How many stores are damaged at random.
const RANDOM: u64 = 60;

fn store(
    name: impl Into<String>,
    damage: impl Fn(&mut Vec<u8>) + Send + Sync + 'static,
) -> HostileStore {
    HostileStore::new(Kind::Damage, name, move |path| {
        let mut bytes = base().to_vec();
        damage(&mut bytes);
        fs::write(path, bytes).expect("there is room");
    })
}

pub(super) fn all() -> Vec<HostileStore> {
    let mut stores = Vec::new();
    for seed in 1..=RANDOM {
        stores.push(store(format!("bytes at random, {seed}"), move |bytes| {
            at_random(bytes, seed);
        }));
    }
    for length in [
        0, 1, 99, 100, 511, 512, 4095, 4096, 4097, 5000, 8192, 20000, 40000,
    ] {
        let kind = if length == 0 {
            Kind::Fine
        } else {
            Kind::Damage
        };
        stores.push(HostileStore::new(
            kind,
            format!("cut off at {length} bytes"),
            move |path| {
                let bytes = base();
                fs::write(path, &bytes[..length.min(bytes.len())]).expect("there is room");
            },
        ));
    }
    stores.extend(headers());
    stores.extend(trees());
    stores.extend(others());
    stores
}

/// A generator that needs no crate: xorshift.
fn at_random(bytes: &mut [u8], seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 16).expect("64 bits")
    };
    // Every third store keeps its first page, and with it the schema.
    let from = if seed.is_multiple_of(3) { 0 } else { PAGE };
    for _ in 0..(1 << (seed % 9)) {
        let at = from + next() % (bytes.len() - from);
        match next() % 4 {
            0 => bytes[at] = 0xff,
            1 => bytes[at] = 0,
            2 => bytes[at] ^= 1 << (next() % 8),
            _ => bytes[at] = next().to_le_bytes()[0],
        }
    }
}

fn headers() -> Vec<HostileStore> {
    let byte = |name: &str, at: usize, value: &'static [u8]| {
        store(name, move |bytes| {
            bytes[at..at + value.len()].copy_from_slice(value);
        })
    };
    vec![
        byte("a page size of 65536 that is not so", 16, &[0, 1]),
        byte("a page size of 512 that is not so", 16, &[2, 0]),
        byte("a page size of 0", 16, &[0, 0]),
        byte("a file format of the future, to write", 18, &[9]),
        byte("a file format of the future, to read", 19, &[9]),
        byte("255 bytes of each page are reserved", 20, &[255]),
        byte("32 bytes of each page are reserved", 20, &[32]),
        byte("payload fractions that are none", 21, &[1, 2, 3]),
        byte("16 TiB are declared", 28, &[0xff, 0xff, 0xff, 0xfe]),
        byte("no pages are declared", 28, &[0, 0, 0, 0]),
        byte(
            "a list of free pages that is a table",
            32,
            &[0, 0, 0, 2, 0, 0, 0, 9],
        ),
        byte(
            "a list of free pages beyond the end",
            32,
            &[0, 0xff, 0, 0, 0, 0, 0, 9],
        ),
        byte("a schema format of the future", 44, &[0, 0, 0, 9]),
        byte(
            "a page cache of 2 billion pages",
            48,
            &[0x7f, 0xff, 0xff, 0xff],
        ),
        byte(
            "an auto_vacuum that is not so",
            52,
            &[0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1],
        ),
        byte(
            "UTF-16, little end first, that is not so",
            56,
            &[0, 0, 0, 2],
        ),
        byte("UTF-16, big end first, that is not so", 56, &[0, 0, 0, 3]),
        byte("an encoding that is none", 56, &[0, 0, 0, 7]),
        store("a file of 64 TiB", |_| {}).with(|path| {
            let file = fs::OpenOptions::new()
                .write(true)
                .open(path)
                .expect("it is there");
            // Where that is too much for the file system, it has its own size.
            let _ = file.set_len(64 << 40);
        }),
    ]
}

impl HostileStore {
    /// The same, with something done to it afterwards.
    fn with(self, more: impl Fn(&Path) + Send + Sync + 'static) -> Self {
        let make = self.make;
        let make = move |path: &Path| {
            make(path);
            more(path);
        };
        Self {
            make: Box::new(make),
            ..self
        }
    }
}

/// Trees that come back to themselves.
fn trees() -> Vec<HostileStore> {
    let mut stores = Vec::new();
    for name in [
        "marionette_job",
        "marionette_lane",
        "marionette_queue",
        "marionette_instance",
        "marionette_attempt",
        "marionette_meta",
        "marionette_job_waiting",
        "marionette_job_running",
        "marionette_job_ended",
        "marionette_job_until",
        "marionette_job_failed",
        "sqlite_autoindex_marionette_job_1",
        "sqlite_schema",
    ] {
        stores.push(HostileStore::new(
            Kind::Damage,
            format!("{name} is its own child"),
            move |path| {
                let (mut bytes, root) = opened(path, name);
                let kind = interior(bytes[start(root)]);
                let header = header(kind, 0, root);
                let at = start(root);
                bytes[at..at + header.len()].copy_from_slice(&header);
                fs::write(path, bytes).expect("there is room");
            },
        ));
        for levels in [3, 15] {
            let what = format!("{name} has a page {levels} levels deep many times");
            stores.push(HostileStore::new(Kind::Damage, what, move |path| {
                let (mut bytes, root) = opened(path, name);
                many_times(&mut bytes, root, levels);
                fs::write(path, bytes).expect("there is room");
            }));
        }
    }
    stores
}

/// A good store with more jobs, and the page on which this begins.
fn opened(path: &Path, name: &str) -> (Vec<u8>, usize) {
    good(path);
    let mut root: u32 = 1;
    edit(path, |connection| {
        if name != "sqlite_schema" {
            let found = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
            root = connection
                .query_row(found, [name], |row| row.get(0))
                .expect("it is there");
        }
    });
    let root = usize::try_from(root).expect("few pages");
    (fs::read(path).expect("it is there"), root)
}

fn start(page: usize) -> usize {
    if page == 1 { 100 } else { (page - 1) * PAGE }
}

fn interior(kind: u8) -> u8 {
    kind & !8
}

/// The head of an interior page.
fn header(kind: u8, cells: u16, right: usize) -> [u8; 12] {
    let right = u32::try_from(right).expect("few pages").to_be_bytes();
    let cells = cells.to_be_bytes();
    let [a, b, c, d] = right;
    [kind, 0, 0, cells[0], cells[1], 0, 0, 0, a, b, c, d]
}

/// Moves what is on a page to the end of the file, below so many pages which have it, or the next
/// of them, as all of their children.
fn many_times(bytes: &mut Vec<u8>, root: usize, levels: usize) {
    const CHILDREN: u16 = 100;
    let at = start(root);
    let end = root * PAGE;
    let kind = interior(bytes[at]);
    let pages = bytes.len() / PAGE;
    // The leaf, moved: its cells lie at the same places of the page. The first page has its head
    // elsewhere.
    let mut leaf = vec![0; PAGE];
    leaf.copy_from_slice(&bytes[end - PAGE..end]);
    if root == 1 {
        leaf.copy_within(100..100 + 8 + 200, 0);
    }
    // Cells need a key: that of the first cell of the leaf.
    let first = usize::from(u16::from_be_bytes([leaf[8], leaf[9]]));
    let cell: Vec<u8> = match (kind, leaf.get(first..first + 60)) {
        (5, _) | (_, None) => vec![1],
        (_, Some(cell)) => cell.to_vec(),
    };
    for level in 1..=levels {
        let child = pages + level + 1;
        let child = if level == levels {
            pages + levels
        } else {
            child - 1
        };
        let page = page_of(kind, child, CHILDREN, &cell, 0);
        if level < levels {
            bytes.extend(page);
        } else {
            bytes.extend(&leaf);
        }
    }
    // Each of the new pages has the next one as its children; the last is the leaf.
    for level in 1..levels {
        let page = page_of(kind, pages + level + 1, CHILDREN, &cell, 0);
        let at = (pages + level - 1) * PAGE;
        bytes[at..at + PAGE].copy_from_slice(&page);
    }
    let skip = if root == 1 { 100 } else { 0 };
    let top = page_of(kind, pages + 1, 20, &cell, skip);
    bytes[at..end].copy_from_slice(&top[skip..]);
    let count = u32::try_from(bytes.len() / PAGE).expect("few pages");
    bytes[28..32].copy_from_slice(&count.to_be_bytes());
}

fn page_of(kind: u8, child: usize, children: u16, cell: &[u8], skip: usize) -> Vec<u8> {
    let size = cell.len() + 4;
    let children = children.min(u16::try_from((PAGE - skip - 12) / (size + 2)).expect("few"));
    let mut page = vec![0; PAGE];
    page[skip..skip + 12].copy_from_slice(&header(kind, children, child));
    let child = u32::try_from(child).expect("few pages").to_be_bytes();
    let mut content = PAGE;
    for number in 0..usize::from(children) {
        content -= size;
        page[content..content + 4].copy_from_slice(&child);
        page[content + 4..content + size].copy_from_slice(cell);
        let pointer = u16::try_from(content).expect("within a page").to_be_bytes();
        let at = skip + 12 + 2 * number;
        page[at..at + 2].copy_from_slice(&pointer);
    }
    let content = u16::try_from(content).expect("within a page").to_be_bytes();
    page[skip + 5..skip + 7].copy_from_slice(&content);
    page
}

/// A good store with jobs that need pages of their own.
fn long(path: &Path) {
    good(path);
    edit(path, |connection| {
        let mut job = sort(0);
        job.push((
            "payload",
            "'{\"run\":\"true\",\"cwd\":\"/\"}' || replace(hex(zeroblob(20000)), '0', ' ')"
                .to_owned(),
        ));
        for number in 0..4 {
            insert_job(connection, 500 + number, &job);
        }
    });
}

fn others() -> Vec<HostileStore> {
    vec![
        HostileStore::new(
            Kind::Damage,
            "chains of pages that come back to themselves",
            move |path| {
                long(path);
                let mut bytes = fs::read(path).expect("it is there");
                for number in 1..bytes.len() / PAGE {
                    let page = &mut bytes[number * PAGE..(number + 1) * PAGE];
                    if page[8..4000].iter().all(|byte| *byte == b' ') {
                        let own = u32::try_from(number + 1).expect("few pages");
                        page[..4].copy_from_slice(&own.to_be_bytes());
                    }
                }
                fs::write(path, bytes).expect("there is room");
            },
        ),
        HostileStore::new(
            Kind::Damage,
            "free pages that come back to themselves",
            move |path| {
                long(path);
                edit(path, |connection| {
                    let free = "DELETE FROM marionette_job WHERE length(payload) > 10000";
                    connection.execute_batch(free).expect("it is SQL");
                });
                let mut bytes = fs::read(path).expect("it is there");
                let trunk: [u8; 4] = bytes[32..36].try_into().expect("four bytes");
                let at = (u32::from_be_bytes(trunk) as usize - 1) * PAGE;
                bytes[at..at + 4].copy_from_slice(&trunk);
                for leaf in bytes[at + 8..at + 400].chunks_exact_mut(4) {
                    leaf.copy_from_slice(&trunk);
                }
                bytes[36..40].copy_from_slice(&[0, 1, 0, 0]);
                fs::write(path, bytes).expect("there is room");
            },
        ),
        disagreeing(
            "an index has jobs that are gone",
            "DELETE FROM marionette_job WHERE state = 2",
        ),
        disagreeing(
            "an index has jobs as ready that are done",
            "UPDATE marionette_job SET state = 4 WHERE state = 2",
        ),
        disagreeing(
            "an index misses the jobs that are ready",
            "INSERT INTO marionette_job SELECT seq + 100, randomblob(16), state, lane, due, token,
             settled, instance, started, ended, ran, failed, crashes, history, accepted, first_due,
             keep, until, options, cancel, reason, result, payload FROM marionette_job",
        ),
        disagreeing(
            "indexes have other places for the jobs",
            "UPDATE marionette_job SET seq = seq + 1000",
        ),
    ]
}

/// The table is changed while its indexes are out of sight.
fn disagreeing(name: &str, change: &'static str) -> HostileStore {
    HostileStore::new(Kind::Damage, name, move |path| {
        good(path);
        edit_schema(
            path,
            "CREATE TABLE kept AS SELECT * FROM sqlite_schema
                 WHERE type = 'index' AND tbl_name = 'marionette_job';
             CREATE TABLE text AS SELECT sql FROM sqlite_schema WHERE name = 'marionette_job';
             UPDATE sqlite_schema SET sql = replace(sql, 'UNIQUE', '')
                 WHERE name = 'marionette_job';
             DELETE FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'marionette_job'",
        );
        edit(path, |connection| {
            connection.execute_batch(change).expect("it is SQL");
        });
        edit_schema(
            path,
            "UPDATE sqlite_schema SET sql = (SELECT sql FROM text) WHERE name = 'marionette_job';
             INSERT INTO sqlite_schema SELECT * FROM kept",
        );
        edit(path, |connection| {
            connection
                .execute_batch("DROP TABLE kept; DROP TABLE text")
                .expect("they are there");
        });
    })
}
