//! Accepts jobs.

use std::rc::Rc;

use marionette::store::{Inserted, StoreError};
use redis::Value;
use tokio::task::spawn_local;

use crate::codec::{bytes, told_millis};
use crate::error::strange;
use crate::loads::{NewJobs, NewRow, Runs};
use crate::scripts::{Call, Script};
use crate::server::Server;
use crate::thread::Caller;

impl Server {
    /// Inserts jobs, maybe together with those of others.
    pub(crate) fn insert(self: Rc<Self>, jobs: NewJobs, caller: Caller<Vec<Inserted>>) {
        let start = || drop(spawn_local(Rc::clone(&self).drive_inserts()));
        self.inserts.add(jobs, caller, start);
    }

    async fn drive_inserts(self: Rc<Self>) {
        let send = async |loads: &[&NewJobs]| self.send_inserts(loads).await;
        self.inserts.drive(send).await;
    }

    /// Sends what several callers insert, and answers each.
    async fn send_inserts(&self, loads: &[&NewJobs]) -> Result<Vec<Vec<Inserted>>, StoreError> {
        let rows: Vec<&NewRow> = loads.iter().flat_map(|load| &load.rows).collect();
        let mut answers = self.insert_rows(&rows).await?.into_iter();
        let part = |load: &&NewJobs| answers.by_ref().take(load.rows.len()).collect();
        Ok(loads.iter().map(part).collect())
    }

    /// Accepts rows: all or none.
    async fn insert_rows(&self, rows: &[&NewRow]) -> Result<Vec<Inserted>, StoreError> {
        match rows {
            [] => return Ok(Vec::new()),
            [row] if row.is_simple() && self.is_quiet.get() => {
                let answer = bytes(self.keep(&self.one_call(row)).await?)?;
                match &answer[..] {
                    b"a" => return Ok(vec![Inserted::Accepted]),
                    // The other script compares the two.
                    b"k" => {}
                    _ => self.is_quiet.set(false),
                }
            }
            _ => {}
        }
        let runs = Runs::new(rows);
        let answer = self.keep(&self.insert_call(&runs, rows)).await?;
        self.inserted(&runs, rows.len(), answer)
    }

    fn one_call(&self, row: &NewRow) -> Call {
        let mut call = self.call(Script::InsertOne, &[]);
        call.arg(format!("g/{}/{}", row.priority, row.kind))
            .arg(format!("q/{}", row.queue))
            .arg(row.id.uuid().as_bytes())
            .arg(&row.body[..])
            .arg(told_millis(row.id));
        call
    }

    fn insert_call(&self, runs: &Runs<'_>, rows: &[&NewRow]) -> Call {
        let mut call = self.call(Script::Insert, &[]);
        call.arg(self.channel())
            .arg(format!("{:016x}", fastrand::u64(..)))
            .arg(Self::random_process())
            .arg(
                rows.iter()
                    .map(|row| told_millis(row.id))
                    .max()
                    .unwrap_or(0),
            )
            .arg(u8::from(runs.has_an_id_twice()));
        runs.write(&mut call);
        call
    }

    /// What the script says of each row.
    fn inserted(
        &self,
        runs: &Runs<'_>,
        count: usize,
        answer: Value,
    ) -> Result<Vec<Inserted>, StoreError> {
        let letters = bytes(answer)?;
        if let [b'a' | b'A'] = letters[..] {
            self.is_quiet.set(letters == b"A");
            return Ok(vec![Inserted::Accepted; count]);
        }
        if letters.len() != count {
            return Err(strange("a letter for each job"));
        }
        let mut answers = vec![Inserted::Full; count];
        for (place, letter) in runs.places().zip(letters) {
            answers[place] = match letter {
                b'a' => Inserted::Accepted,
                b'k' => Inserted::Known,
                b't' => Inserted::Taken,
                b'f' => Inserted::Full,
                _ => return Err(strange("a letter for each job")),
            };
        }
        Ok(answers)
    }
}
