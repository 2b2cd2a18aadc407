//! Wanted kinds and queues, in a form that is quick to compare with many lanes.

use std::collections::HashSet;
use std::sync::Arc;

use marionette::store::{Name, Wanted};

use super::{FEW, Lane};

/// Wanted kinds and queues, in a form that is quick to compare with many lanes.
#[derive(Debug)]
pub(crate) struct WantedLanes {
    pub(super) wanted: Wanted,
    kinds: Names,
    /// `None` stands for any name.
    pub(super) queues: Option<Names>,
}

/// A set of names. With thousands of queues, comparing each with each would be most of the work.
#[derive(Debug)]
pub(super) enum Names {
    Few(Arc<[Name]>),
    Many(HashSet<Name>),
}

impl Names {
    fn new(names: &Arc<[Name]>) -> Self {
        if names.len() <= FEW {
            Self::Few(names.clone())
        } else {
            Self::Many(names.iter().cloned().collect())
        }
    }

    fn contain(&self, name: &str) -> bool {
        match self {
            Self::Few(names) => names.iter().any(|other| other == name),
            Self::Many(names) => names.contains(name),
        }
    }
}

impl WantedLanes {
    pub(crate) fn new(wanted: &Wanted) -> Self {
        let any = wanted.queues.is_empty();
        Self {
            wanted: wanted.clone(),
            kinds: Names::new(&wanted.kinds),
            queues: (!any).then(|| Names::new(&wanted.queues)),
        }
    }

    /// Whether a lane is wanted.
    pub(crate) fn is_for(&self, lane: &Lane) -> bool {
        self.kinds.contain(&lane.kind) && self.is_for_queue(lane)
    }

    /// Whether a lane's queue is wanted and its kind is not.
    pub(crate) fn leaves(&self, lane: &Lane) -> bool {
        !self.kinds.contain(&lane.kind) && self.is_for_queue(lane)
    }

    fn is_for_queue(&self, lane: &Lane) -> bool {
        let queues = self.queues.as_ref();
        queues.is_none_or(|names| names.contain(&lane.queue))
    }
}
