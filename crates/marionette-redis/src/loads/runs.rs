//! Jobs in the order in which the script takes them: in runs that have all but the body in common.

use std::collections::{HashMap, HashSet};

use marionette::store::{Name, Priority};

use super::new_jobs::NewRow;
use crate::codec::When;
use crate::scripts::Call;

/// What the jobs of a run have in common: the number of their place, when they are due, and the
/// limit of their queue.
type Common = (usize, When, Option<u64>);

#[derive(Debug)]
pub(crate) struct Runs<'a> {
    rows: &'a [&'a NewRow],
    /// The different kinds and priorities, and their queues.
    places: Vec<(Priority, &'a Name, &'a Name)>,
    /// Each with the indexes of its rows.
    all: Vec<(Common, Vec<usize>)>,
    has_an_id_twice: bool,
}

impl<'a> Runs<'a> {
    pub(crate) fn new(rows: &'a [&'a NewRow]) -> Self {
        let limited = rows.iter().filter(|row| row.limit.is_some());
        let limited: HashSet<&Name> = limited.map(|row| &row.queue).collect();
        let ids: HashSet<_> = rows.iter().map(|row| row.id).collect();
        let has_an_id_twice = ids.len() < rows.len();
        let mut runs = Self {
            rows,
            places: Vec::new(),
            all: Vec::new(),
            has_an_id_twice,
        };
        let (mut places, mut known, mut last_of) = (HashMap::new(), HashMap::new(), HashMap::new());
        let mut last = 0;
        for (index, row) in rows.iter().enumerate() {
            if index == 0 || !row.is_like(rows[index - 1]) {
                let place = (row.priority, &row.kind, &row.queue);
                let place = *places.entry(place).or_insert_with(|| {
                    runs.places.push(place);
                    runs.places.len()
                });
                let common = (place, row.due, row.limit);
                // Jobs of a queue with a limit are counted one after the other, so they keep
                // their order. Where an id comes twice, what becomes of the first decides about
                // the second, and that about others.
                let run = if has_an_id_twice {
                    None
                } else if limited.contains(&row.queue) {
                    last_of.get(&row.queue)
                } else {
                    known.get(&common)
                };
                last = match run {
                    Some(&run) if runs.run_has(run, common) => run,
                    _ => runs.begin(common),
                };
                known.insert(common, last);
                last_of.insert(&row.queue, last);
            }
            runs.all[last].1.push(index);
        }
        runs
    }

    /// Whether two rows have the same id.
    pub(crate) fn has_an_id_twice(&self) -> bool {
        self.has_an_id_twice
    }

    fn run_has(&self, run: usize, common: Common) -> bool {
        self.all[run].0 == common
    }

    fn begin(&mut self, common: Common) -> usize {
        self.all.push((common, Vec::new()));
        self.all.len() - 1
    }

    /// Writes them as arguments of the script.
    pub(crate) fn write(&self, call: &mut Call) {
        call.arg(self.places.len());
        for (priority, kind, queue) in &self.places {
            call.arg(priority.get())
                .arg(kind.as_str())
                .arg(queue.as_str());
        }
        for ((place, due, limit), indexes) in &self.all {
            call.arg(*place).arg(due.how).arg(due.text());
            match limit {
                Some(limit) => call.arg(*limit),
                None => call.arg(-1),
            };
            call.arg(indexes.len());
            for index in indexes {
                let row = self.rows[*index];
                call.arg(row.id.uuid().as_bytes()).arg(&row.body[..]);
            }
        }
    }

    /// The index of each row, in the order in which they are written.
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> {
        self.all.iter().flat_map(|(_, indexes)| indexes).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use marionette::store::{Due, NewJob};

    use super::super::NewJobs;
    use super::*;

    fn order(jobs: Vec<NewJob>) -> Vec<Vec<usize>> {
        let rows = NewJobs::rows(jobs).expect("they are in order");
        let rows: Vec<&NewRow> = rows.iter().collect();
        let runs = Runs::new(&rows);
        runs.all.into_iter().map(|(_, indexes)| indexes).collect()
    }

    fn job(queue: &'static str) -> NewJob {
        NewJob::new(Name::from_static("mail"), Vec::new()).queue(Name::from_static(queue))
    }

    #[test]
    fn jobs_that_have_all_but_the_body_in_common_are_one_run() {
        let later = || job("a").due(Due::After(Duration::from_secs(1)));
        let jobs = vec![job("a"), later(), job("b"), job("a"), later(), job("b")];
        assert_eq!(order(jobs), [vec![0, 3], vec![1, 4], vec![2, 5]]);
        assert_eq!(order(Vec::new()), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn jobs_of_a_queue_with_a_limit_keep_their_order() {
        let limited = || job("a").queue_limit(2);
        let jobs = vec![job("a"), limited(), job("b"), job("a"), job("b"), limited()];
        assert_eq!(
            order(jobs),
            [vec![0], vec![1], vec![2, 4], vec![3], vec![5]]
        );
        let jobs = vec![limited(), job("b"), limited()];
        assert_eq!(order(jobs), [vec![0, 2], vec![1]]);
    }

    #[test]
    fn where_an_id_comes_twice_all_jobs_keep_their_order() {
        let again = job("b");
        let jobs = vec![again.clone(), job("b"), job("a"), again, job("a")];
        assert_eq!(order(jobs).concat(), [0, 1, 2, 3, 4]);
    }
}
