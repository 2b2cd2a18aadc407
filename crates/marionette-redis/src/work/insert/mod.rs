//! Accepts jobs.

mod row;
mod runs;

use marionette::store::{Inserted, NewJob, StoreError};
use redis::Value;

use self::row::Row;
use self::runs::Runs;
use crate::codec::bytes;
use crate::error::strange;
use crate::scripts::{Call, Script};
use crate::server::Server;
use crate::work::rounds::rounds;

impl Server {
    pub(crate) async fn insert(&self, jobs: Vec<NewJob>) -> Result<Vec<Inserted>, StoreError> {
        let rows = row::rows(jobs)?;
        let mut answers = vec![Inserted::Full; rows.len()];
        for places in rounds(rows.iter().map(|row| row.id)) {
            let part: Vec<&Row> = places.iter().map(|place| &rows[*place]).collect();
            for (place, answer) in places.iter().zip(self.insert_rows(&part).await?) {
                answers[*place] = answer;
            }
        }
        Ok(answers)
    }

    /// Accepts rows, of which no two have the same id: all or none.
    async fn insert_rows(&self, rows: &[&Row]) -> Result<Vec<Inserted>, StoreError> {
        match rows {
            [] => return Ok(Vec::new()),
            [row] if row.is_simple() && self.is_quiet.get() => {
                let answer = bytes(self.bulk(&self.one_call(row)).await?)?;
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
        let answer = self.bulk(&self.insert_call(&runs)).await?;
        self.inserted(&runs, rows.len(), answer)
    }

    fn one_call(&self, row: &Row) -> Call {
        let mut call = self.call(Script::InsertOne, &[]);
        call.arg(format!("g/{}/{}", row.priority, row.kind))
            .arg(format!("q/{}", row.queue))
            .arg(row.id.uuid().as_bytes())
            .arg(&row.body[..]);
        call
    }

    fn insert_call(&self, runs: &Runs<'_>) -> Call {
        let mut call = self.call(Script::Insert, &[]);
        call.arg(self.channel())
            .arg(format!("{:016x}", fastrand::u64(..)))
            .arg(Self::random_process());
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
