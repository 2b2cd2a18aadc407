//! The floor: what SQLite does at best with a row for each job, on one connection, in a loop.
//!
//! The one index is the least that a queue needs: without it nobody finds what is due among a
//! million jobs.

use std::path::Path;

use marionette_yardstick::clock;
use marionette_yardstick::figures::Figures;
use marionette_yardstick::job::{self, Job};
use marionette_yardstick::order::{Order, Step};
use marionette_yardstick::workload::enqueue;
use rusqlite::{Connection, Result, params};

/// A connection, and how many rows it puts into each commit.
struct Raw {
    connection: Connection,
    rows: u32,
}

/// The version of SQLite.
pub(super) fn version() -> &'static str {
    rusqlite::version()
}

/// Does what is ordered. The mode is `full` or `normal`, a dash, and the rows in each commit.
pub(super) fn measure(order: &Order) -> Figures {
    let measured = match order.step {
        Step::Drain => drain(order),
        Step::Open => open(order),
        Step::Fill => fill(order),
        _ => insert(order),
    };
    measured.expect("SQLite does as it is told")
}

impl Raw {
    fn open(file: &Path, mode: &str) -> Result<Self> {
        let (synchronous, rows) = mode.split_once('-').expect("a mode has two parts");
        let connection = Connection::open(file)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS job (
                id INTEGER PRIMARY KEY, due INTEGER NOT NULL, owner INTEGER, payload BLOB NOT NULL
            );
            CREATE INDEX IF NOT EXISTS job_waiting ON job (due) WHERE owner IS NULL",
        )?;
        Ok(Self {
            connection,
            rows: rows.parse().expect("rows are a number"),
        })
    }

    fn insert(&mut self, jobs: &[Job]) -> Result<()> {
        for jobs in jobs.chunks(self.rows as usize) {
            let commit = self.connection.transaction()?;
            {
                let insert = "INSERT INTO job (due, payload) VALUES (?1, ?2)";
                let mut insert = commit.prepare_cached(insert)?;
                for job in jobs {
                    let payload = serde_json::to_vec(job).expect("a job is JSON");
                    insert.execute(params![job.at, payload])?;
                }
            }
            commit.commit()?;
        }
        Ok(())
    }

    /// Takes rows, in a commit of its own.
    fn claim(&mut self) -> Result<Vec<(i64, Vec<u8>)>> {
        let mut claim = self.connection.prepare_cached(
            "UPDATE job SET owner = 1
             WHERE id IN (SELECT id FROM job WHERE owner IS NULL ORDER BY due, id LIMIT ?1)
             RETURNING id, payload",
        )?;
        let rows = claim.query_map([self.rows], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    }

    /// Deletes rows, in a commit of its own.
    fn delete(&mut self, rows: &[(i64, Vec<u8>)]) -> Result<()> {
        let commit = self.connection.transaction()?;
        {
            let mut delete = commit.prepare_cached("DELETE FROM job WHERE id = ?1")?;
            for (id, _) in rows {
                delete.execute([id])?;
            }
        }
        commit.commit()
    }
}

fn insert(order: &Order) -> Result<Figures> {
    let mut raw = Raw::open(&order.file, &order.mode)?;
    let jobs = job::counted(order.count);
    let start = clock::now();
    raw.insert(&jobs)?;
    Ok(enqueue::rate(order.count, start))
}

fn fill(order: &Order) -> Result<Figures> {
    insert(order)?;
    let bytes = std::fs::metadata(&order.file).map_or(0, |metadata| metadata.len());
    Ok(Figures::from([(
        "bytes",
        bytes as f64 / f64::from(order.count),
    )]))
}

fn drain(order: &Order) -> Result<Figures> {
    let mut raw = Raw::open(&order.file, "normal-1000")?;
    raw.insert(&job::counted(order.count))?;
    let mut raw = Raw::open(&order.file, &order.mode)?;
    let start = clock::now();
    loop {
        let rows = raw.claim()?;
        if rows.is_empty() {
            break;
        }
        raw.delete(&rows)?;
    }
    let mut figures = enqueue::rate(order.count, start);
    figures.insert("twice", 0.0);
    Ok(figures)
}

fn open(order: &Order) -> Result<Figures> {
    let start = clock::now();
    let mut raw = Raw::open(&order.file, &order.mode)?;
    let opened = clock::now();
    let rows = raw.claim()?;
    let first = clock::now();
    raw.delete(&rows)?;
    let mut done = rows.len();
    while done < order.count as usize {
        let rows = raw.claim()?;
        raw.delete(&rows)?;
        done += rows.len();
    }
    let mut figures = enqueue::rate(order.count, opened);
    let millis = |from, to| clock::nanos_between(from, to) as f64 / 1e6;
    figures.insert("open_ms", millis(start, opened));
    figures.insert("first_ms", millis(opened, first));
    Ok(figures)
}
