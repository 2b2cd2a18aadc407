//! The keys of a store. All begin with one hash tag, so a cluster keeps them on one node.

use marionette::store::{InstanceId, Name};

/// The version of the layout; the scripts know it too.
pub(crate) const VERSION: &str = "1";

/// A key of the layout. What each holds stands in the documentation of the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Names,
    Bodies,
    States,
    Waiting,
    Hints,
    Suspects,
    Retrying,
    Attempts,
    Ends,
    Failed,
    ByTime,
    Counts,
    Cancels,
    Awaited,
    Paused,
    Idle,
    Rooms,
    Done,
    Until,
    Gone,
    Instances,
    About,
    Activity,
    Subjects,
}

impl Key {
    pub(crate) const ALL: [Self; 24] = [
        Self::Names,
        Self::Bodies,
        Self::States,
        Self::Waiting,
        Self::Hints,
        Self::Suspects,
        Self::Retrying,
        Self::Attempts,
        Self::Ends,
        Self::Failed,
        Self::ByTime,
        Self::Counts,
        Self::Cancels,
        Self::Awaited,
        Self::Paused,
        Self::Idle,
        Self::Rooms,
        Self::Done,
        Self::Until,
        Self::Gone,
        Self::Instances,
        Self::About,
        Self::Activity,
        Self::Subjects,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::Bodies => "bodies",
            Self::States => "states",
            Self::Waiting => "waiting",
            Self::Hints => "hints",
            Self::Suspects => "suspects",
            Self::Retrying => "retrying",
            Self::Attempts => "attempts",
            Self::Ends => "ends",
            Self::Failed => "failed",
            Self::ByTime => "by_time",
            Self::Counts => "counts",
            Self::Cancels => "cancels",
            Self::Awaited => "awaited",
            Self::Paused => "paused",
            Self::Idle => "idle",
            Self::Rooms => "rooms",
            Self::Done => "done",
            Self::Until => "until",
            Self::Gone => "gone",
            Self::Instances => "instances",
            Self::About => "about",
            Self::Activity => "activity",
            Self::Subjects => "subjects",
        }
    }
}

/// The names of all keys of one store.
#[derive(Debug)]
pub(crate) struct Layout {
    tag: String,
    keys: [String; Key::ALL.len()],
}

impl Layout {
    /// The layout of the store of this name.
    pub(crate) fn new(name: &str) -> Self {
        let tag = format!("{{{name}}}:");
        let keys = Key::ALL.map(|key| format!("{tag}{}", key.name()));
        Self { tag, keys }
    }

    /// What all keys and channels begin with.
    pub(crate) fn tag(&self) -> &str {
        &self.tag
    }

    pub(crate) fn key(&self, key: Key) -> &str {
        &self.keys[key as usize]
    }

    /// The key of what an instance has in hand.
    pub(crate) fn held(&self, instance: InstanceId) -> String {
        format!("{}{}", self.hands(), instance.uuid().simple())
    }

    /// What the keys of what instances have in hand begin with.
    pub(crate) fn hands(&self) -> String {
        format!("{}held:", self.tag)
    }

    /// The key of the records of this shelf.
    pub(crate) fn shelf(&self, shelf: &Name) -> String {
        format!("{}records:{shelf}", self.tag)
    }

    /// What the channels of all processes begin with; the name of the process follows.
    pub(crate) fn channel(&self) -> String {
        format!("{}wake:", self.tag)
    }
}
