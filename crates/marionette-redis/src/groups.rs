//! The groups of a store: each kind with each priority that it was ever queued with.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;

use marionette::store::{Name, Priority, Wanted};

/// A kind with a priority, as the scripts take it: `priority/kind`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) priority: Priority,
    pub(crate) kind: Name,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.priority, self.kind)
    }
}

/// The groups that the server had when it was asked last.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    known: RefCell<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The stamp that the server gave to the last new group.
    stamp: Vec<u8>,
    priorities: HashMap<String, Vec<i8>>,
}

impl Groups {
    /// The stamp of these groups; empty before the server was asked.
    pub(crate) fn stamp(&self) -> Vec<u8> {
        self.known.borrow().stamp.clone()
    }

    /// Whether this stamp, from an answer of the server, says that these are still all groups.
    pub(crate) fn are_all(&self, stamp: &[u8]) -> bool {
        self.known.borrow().stamp == stamp
    }

    /// Replaces the groups by those of the server: texts like `-1/send_mail`.
    pub(crate) fn learn<'a>(&self, stamp: Vec<u8>, groups: impl IntoIterator<Item = &'a str>) {
        let mut priorities = HashMap::<String, Vec<i8>>::new();
        for group in groups {
            let Some((priority, kind)) = group.split_once('/') else {
                continue;
            };
            if let Ok(priority) = priority.parse() {
                priorities
                    .entry(kind.to_owned())
                    .or_default()
                    .push(priority);
            }
        }
        *self.known.borrow_mut() = Known { stamp, priorities };
    }

    /// The groups of the kinds that are wanted, the highest priority first.
    pub(crate) fn wanted(&self, wanted: &Wanted) -> Vec<Group> {
        let known = self.known.borrow();
        let mut groups = Vec::new();
        for kind in wanted.kinds.iter() {
            for priority in known.priorities.get(kind.as_str()).into_iter().flatten() {
                groups.push(Group {
                    priority: Priority::new(*priority),
                    kind: kind.clone(),
                });
            }
        }
        groups.sort_by(|one, other| {
            let key = |group: &Group| (Reverse(group.priority), group.kind.clone());
            key(one).cmp(&key(other))
        });
        // A kind that is named twice is still one kind.
        groups.dedup();
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_of_wanted_kinds_come_with_the_highest_priority_first() {
        let groups = Groups::default();
        groups.learn(b"s".to_vec(), ["0/mail", "-5/mail", "127/sms", "9/other"]);
        let names = ["mail", "sms", "mail", "none"].map(Name::from_static);
        let wanted = groups.wanted(&Wanted::new(names));
        let wanted: Vec<_> = wanted.iter().map(ToString::to_string).collect();
        assert_eq!(wanted, ["127/sms", "0/mail", "-5/mail"]);
        assert!(groups.are_all(b"s") && !groups.are_all(b"t"));
    }
}
