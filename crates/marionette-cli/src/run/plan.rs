//! The tasks of a file as jobs, with the same ids whenever the same file is read.

use std::collections::HashMap;

use anyhow::{Result, anyhow, bail};
use marionette::TaskId;
use marionette::store::{Name, NewJob};
use std::time::Duration;
use uuid::Uuid;

use crate::input::to_job;
use crate::input::{File, Task};

/// The namespace for the ids of tasks.
const TASKS: Uuid = Uuid::from_u128(0x1f0b_7c36_58d2_4e0c_8c5a_93d4_0a6e_f7b1);
/// For how long the store remembers that a task is done, and so for how long a file can be resumed.
const REMEMBERED: Duration = Duration::from_secs(10 * 365 * 86_400);

/// The tasks of a file as jobs.
#[derive(Debug)]
pub(super) struct Plan {
    jobs: Vec<NewJob>,
    places: HashMap<TaskId, usize>,
}

impl Plan {
    /// The jobs of a file in this queue.
    pub(super) fn new(file: &File, queue: &Name) -> Result<Self> {
        let mut jobs = Vec::with_capacity(file.tasks.len());
        let mut seen = HashMap::new();
        for task in &file.tasks {
            let at = |error: anyhow::Error| anyhow!("{}:{}: {error}", file.name, task.line);
            jobs.push(job(task, queue, &mut seen).map_err(at)?);
        }
        let places = jobs
            .iter()
            .zip(0..)
            .map(|(job, place)| (job.id, place))
            .collect();
        Ok(Self { jobs, places })
    }

    /// The plan of tasks that are all stored already, in this order.
    pub(super) fn of_stored(ids: Vec<TaskId>) -> Self {
        Self {
            jobs: Vec::new(),
            places: ids.into_iter().zip(0..).collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// All its ids, in the order of the file.
    pub(super) fn ids(&self) -> impl Iterator<Item = TaskId> {
        let mut ids: Vec<_> = self.places.iter().collect();
        ids.sort_unstable_by_key(|(_, place)| **place);
        ids.into_iter().map(|(id, _)| *id)
    }

    /// The jobs that may have to be stored; none in a plan of stored tasks.
    pub(super) fn jobs(&self) -> impl Iterator<Item = &NewJob> {
        self.jobs.iter()
    }

    pub(super) fn has(&self, id: TaskId) -> bool {
        self.places.contains_key(&id)
    }

    /// The position of this job in the file.
    pub(super) fn place(&self, id: TaskId) -> Option<usize> {
        self.places.get(&id).copied()
    }
}

fn job(task: &Task, queue: &Name, seen: &mut HashMap<Vec<u8>, u64>) -> Result<NewJob> {
    let identity = match task.identity() {
        Ok(identity) => identity,
        Err(error) => bail!("the command cannot be stored: {error}"),
    };
    // The same command may stand in a file more than once, and runs as often.
    let nth = seen.entry(identity.clone()).or_default();
    *nth += 1;
    let id = Uuid::new_v5(
        &TASKS,
        &[queue.as_bytes(), &nth.to_be_bytes(), &identity].concat(),
    );
    let mut job = to_job::job(id.into(), task, queue)?;
    job.options.keep_result = Some(REMEMBERED);
    Ok(job)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::command::{Command, What};
    use crate::input::Options;

    fn plan(lines: &[&str], queue: &'static str) -> Plan {
        let task = |line: &&str| Task {
            line: 1,
            name: None,
            command: Command::new(What::Run((*line).to_owned()), PathBuf::from("/")),
            options: Options::default(),
            identity: None,
        };
        let file = File {
            path: None,
            name: "f".to_owned(),
            tasks: lines.iter().map(task).collect(),
        };
        Plan::new(&file, &Name::from_static(queue)).unwrap()
    }

    fn ids(plan: &Plan) -> Vec<TaskId> {
        plan.jobs().map(|job| job.id).collect()
    }

    #[test]
    fn a_task_has_the_same_id_wherever_it_stands_in_the_file() {
        let before = ids(&plan(&["a", "b"], "q"));
        let after = ids(&plan(&["new", "b", "a"], "q"));
        assert_eq!(before, [after[2], after[1]]);
    }

    #[test]
    fn equal_tasks_are_different_jobs() {
        let ids = ids(&plan(&["a", "a", "a"], "q"));
        assert_ne!(ids[0], ids[1]);
        assert_ne!(ids[1], ids[2]);
        assert_eq!(ids[..2], self::ids(&plan(&["a", "a"], "q")));
    }

    #[test]
    fn another_generation_has_other_ids() {
        assert_ne!(ids(&plan(&["a"], "q.1")), ids(&plan(&["a"], "q.2")));
    }
}
