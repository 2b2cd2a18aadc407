//! What a look for damage found in a store, whatever its kind.

use marionette::TaskId;

/// What a look for damage found.
#[derive(Debug, Default)]
pub(crate) struct Checkup {
    /// What is wrong, the first of it.
    pub(crate) faults: Vec<Damage>,
    /// How many more faults there are.
    pub(crate) more_faults: u64,
    /// What could not be looked at, and why.
    pub(crate) left_out: Vec<String>,
}

/// Something that is wrong in a store.
#[derive(Debug)]
pub(crate) struct Damage {
    /// The task that it is about, if it is about one.
    pub(crate) task: Option<TaskId>,
    /// What is wrong, and what comes of it.
    pub(crate) text: String,
}

impl Checkup {
    pub(crate) fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    /// What SQLite says of a file.
    pub(super) fn of_file(faults: Vec<String>) -> Self {
        let fault = |text| Damage { task: None, text };
        Self {
            faults: faults.into_iter().map(fault).collect(),
            ..Self::default()
        }
    }

    #[cfg(feature = "redis")]
    pub(super) fn of_server(report: marionette_redis::CheckReport) -> Self {
        let faults = report.faults.into_iter().map(|fault| Damage {
            task: fault.job,
            text: fault.text,
        });
        Self {
            faults: faults.collect(),
            more_faults: report.more_faults,
            left_out: report.left_out,
        }
    }
}
