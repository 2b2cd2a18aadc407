//! Jobs inside a transaction of sqlx: without its handle of SQLite, and so without unsafe code.
//!
//! Only `sqlx-core` is used, which knows no SQLite, so that the version of `libsqlite3-sys` is
//! settled where the application is built. It can pass no arguments that way, so statements are
//! texts in which the arguments are written out: numbers, names, which
//! have no quotation mark ([`Name`](marionette::store::Name)), and all else in hexadecimal.

use std::borrow::Borrow;
use std::fmt::Write;

use marionette::store::{Inserted, NewJob, StoreError, StoreFuture};
use rusqlite::ffi;
use sqlx_core::connection::Connection;
use sqlx_core::database::Database;
use sqlx_core::error::Error;
use sqlx_core::executor::Executor;
use sqlx_core::raw_sql::raw_sql;
use sqlx_core::sql_str::AssertSqlSafe;

use crate::store::SqliteStore;
use crate::threads::writer::{NewRow, Parts};
use crate::transaction::new_rows;

impl SqliteStore {
    /// As [`insert_in`](Self::insert_in), in a transaction of sqlx 0.9 on the same file.
    ///
    /// Begin it with `begin_with("BEGIN IMMEDIATE")`, and pass `&mut *transaction`, as to sqlx's
    /// own methods. A connection that is in a transaction will do too.
    ///
    /// # Examples
    ///
    /// With `use sqlx::Connection` for `begin_with`, or with a pool, which has it by itself:
    ///
    /// ```text
    /// let mut order = pool.begin_with("BEGIN IMMEDIATE").await?;
    /// sqlx::query("INSERT INTO orders (item) VALUES ('tea')").execute(&mut *order).await?;
    /// store.insert_in_sqlx(&mut *order, [wrap(mail).into_new_job()?]).await?;
    /// order.commit().await?;
    /// store.wake();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`insert_in`](Self::insert_in); also
    /// [refused](marionette::store::StoreErrorKind::Refused) if the connection is to no SQLite
    /// database. After an error nothing of this call is in the transaction.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it ends, the transaction has to be rolled back.
    pub fn insert_in_sqlx<'a, C>(
        &'a self,
        transaction: &'a mut C,
        jobs: impl IntoIterator<Item = impl Borrow<NewJob>>,
    ) -> StoreFuture<'a, Vec<Inserted>>
    where
        C: Connection,
        for<'c> &'c mut C: Executor<'c, Database = C::Database>,
    {
        let jobs = new_rows(jobs);
        Box::pin(async move {
            let jobs = jobs?;
            let mut session = Session {
                store: self,
                connection: transaction,
            };
            session.check().await?;
            self.check_identity()?;
            session.run("SAVEPOINT marionette".to_owned()).await?;
            let inserted = session.insert(&jobs).await;
            let end = match &inserted {
                Ok(_) => "RELEASE marionette",
                Err(_) => "ROLLBACK TO marionette; RELEASE marionette",
            };
            let ended = session.run(end.to_owned()).await;
            // After some errors SQLite has rolled back all of it, and with it the savepoint.
            let inserted = inserted?;
            ended.map(|()| inserted)
        })
    }
}

struct Session<'a, C> {
    store: &'a SqliteStore,
    connection: &'a mut C,
}

impl<C> Session<'_, C>
where
    C: Connection,
    for<'c> &'c mut C: Executor<'c, Database = C::Database>,
{
    async fn check(&mut self) -> Result<(), StoreError> {
        if <C::Database as Database>::NAME != "SQLite" {
            let name = <C::Database as Database>::NAME;
            let what = format!("the transaction is one of {name}, the store is in SQLite");
            return Err(StoreError::refused(what));
        }
        let path = text(self.store.path().as_os_str().as_encoded_bytes());
        let here = "SELECT 1 FROM pragma_database_list WHERE name = 'main' AND file = ";
        if !self.finds(format!("{here}{path}")).await? {
            return Err(self.store.is_elsewhere("another file"));
        }
        // A transaction cannot begin inside of another; where it can, it is over at once.
        let begun = self.run("BEGIN; ROLLBACK".to_owned()).await;
        match begun {
            Ok(()) => Err(self.store.is_in_no_transaction()),
            Err(_) => Ok(()),
        }
    }

    async fn insert(&mut self, jobs: &[NewRow]) -> Result<Vec<Inserted>, StoreError> {
        let now = self.store.clock().now();
        let mut answers = Vec::with_capacity(jobs.len());
        for job in jobs {
            let job = Literals::new(job, now);
            let inserted = if self.finds(job.known(false)).await? {
                if self.finds(job.known(true)).await? {
                    Inserted::Known
                } else {
                    Inserted::Taken
                }
            } else if match job.full() {
                None => false,
                Some(full) => self.finds(full).await?,
            } {
                Inserted::Full
            } else {
                self.run(job.insert()).await?;
                Inserted::Accepted
            };
            answers.push(inserted);
        }
        Ok(answers)
    }

    /// Runs SQL statements.
    async fn run(&mut self, sql: String) -> Result<(), StoreError> {
        let done = self.connection.execute(raw_sql(AssertSqlSafe(sql))).await;
        done.map(drop).map_err(|err| self.error(err))
    }

    /// Whether a query has a row.
    async fn finds(&mut self, sql: String) -> Result<bool, StoreError> {
        let query = raw_sql(AssertSqlSafe(sql));
        let found = self.connection.fetch_optional(query).await;
        found
            .map(|row| row.is_some())
            .map_err(|err| self.error(err))
    }

    fn error(&self, err: Error) -> StoreError {
        let code = match &err {
            Error::Database(err) => err.code().and_then(|code| code.parse().ok()),
            _ => None,
        };
        let Some(code) = code else {
            let path = self.store.path().display();
            return StoreError::unavailable(format!("{path}: the transaction failed"))
                .with_source(err);
        };
        let text = err.to_string();
        let failure = rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(text));
        self.store.transaction_error(failure)
    }
}

/// A job as it stands in the text of a statement.
struct Literals<'a> {
    parts: Parts<'a>,
    id: String,
    due: i64,
    now: i64,
}

impl<'a> Literals<'a> {
    fn new(job: &'a NewRow, now: i64) -> Self {
        let parts = job.parts();
        Self {
            id: blob(parts.id),
            parts,
            due: job.due(now),
            now,
        }
    }

    /// Finds the job that has its id; only one with the same arguments, if `same`.
    fn known(&self, same: bool) -> String {
        let Self { parts, id, .. } = self;
        let mut query = format!(
            "SELECT 1 FROM marionette_job AS job JOIN marionette_lane AS lane \
             ON lane.id = job.lane WHERE job.id = {id}"
        );
        if same {
            let (kind, queue, payload) = (parts.kind, parts.queue, blob(parts.payload));
            let _ = write!(
                query,
                " AND lane.kind = '{kind}' AND lane.queue = '{queue}' \
                 AND CAST(job.payload AS BLOB) = {payload}"
            );
        }
        query
    }

    /// Finds the last job for which its queue has room, if that is limited.
    fn full(&self) -> Option<String> {
        let queue = self.parts.queue;
        Some(match self.parts.limit? {
            0 => "SELECT 1".to_owned(),
            limit => format!(
                "SELECT 1 FROM marionette_lane AS lane JOIN marionette_job AS job \
                 ON job.lane = lane.id AND job.state = 2 WHERE lane.queue = '{queue}' \
                 LIMIT 1 OFFSET {}",
                i64::try_from(limit - 1).unwrap_or(i64::MAX)
            ),
        })
    }

    fn insert(&self) -> String {
        let Parts {
            kind,
            queue,
            priority,
            payload,
            options,
            keep,
            ..
        } = self.parts;
        let lane = format!(
            "(SELECT id FROM marionette_lane WHERE kind = '{kind}' AND queue = '{queue}' \
             AND priority = {priority} AND suspect = 0)"
        );
        let null = || "NULL".to_owned();
        let number = |number: i64| format!("({number})");
        let is_text = std::str::from_utf8(payload).is_ok();
        let arguments = [
            self.id.clone(),
            lane,
            number(self.due),
            number(self.now),
            keep.map_or_else(null, number),
            options.map_or_else(null, |options| text(options.as_bytes())),
            if is_text {
                text(payload)
            } else {
                blob(payload)
            },
        ];
        format!(
            "INSERT INTO marionette_lane (kind, queue, priority, suspect) \
             VALUES ('{kind}', '{queue}', {priority}, 0) ON CONFLICT DO NOTHING;\n{}",
            written_out(include_str!("../sql/insert_job.sql"), &arguments)
        )
    }
}

/// A statement with its arguments, nine at most, written into their places.
fn written_out(sql: &str, arguments: &[String]) -> String {
    let mut parts = sql.split('?');
    let mut written = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let number: usize = part[..1].parse().unwrap_or_default();
        written.push_str(&arguments[number - 1]);
        written.push_str(&part[1..]);
    }
    written
}

fn blob(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let mut literal = String::with_capacity(2 * bytes.len() + 3);
    literal.push_str("x'");
    for byte in bytes {
        literal.push(DIGITS[usize::from(byte >> 4)]);
        literal.push(DIGITS[usize::from(byte & 15)]);
    }
    literal.push('\'');
    literal
}

fn text(bytes: &[u8]) -> String {
    format!("CAST({} AS TEXT)", blob(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_stand_in_their_places() {
        let arguments = ["'?2'", "(5)"].map(str::to_owned);
        let written = written_out("a ?1, -?2, ?1 b", &arguments);
        assert_eq!(written, "a '?2', -(5), '?2' b");
    }

    #[test]
    fn bytes_are_written_in_hexadecimal() {
        assert_eq!(blob(&[0, 1, 0xab]), "x'0001ab'");
        assert_eq!(text(b"'"), "CAST(x'27' AS TEXT)");
    }
}
