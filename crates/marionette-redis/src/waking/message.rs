//! The messages that scripts send to a process.

use marionette::TaskId;
use uuid::Uuid;

use super::Jobs;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// Jobs are due now. The process counts as idle no longer.
    Jobs(Jobs),
    /// A job is due at this time of the server, in microseconds since 1970.
    Due {
        at: u64,
        kind: String,
        queue: String,
    },
    /// A job has ended.
    Ended(TaskId),
}

impl Message {
    /// Reads a message; `None` if this version does not know it.
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        if let Some(id) = message.strip_prefix(b"e ") {
            return Some(Self::Ended(TaskId::from(Uuid::from_slice(id).ok()?)));
        }
        let mut words = std::str::from_utf8(message).ok()?.split(' ');
        let (what, number) = (words.next()?, words.next()?.parse().ok()?);
        let (kind, queue) = (words.next()?.to_owned(), words.next()?.to_owned());
        match what {
            "j" => Some(Self::Jobs(Jobs {
                count: usize::try_from(number).ok()?,
                kind,
                queue,
            })),
            "t" => Some(Self::Due {
                at: number,
                kind,
                queue,
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_messages_of_the_scripts_can_be_read() {
        let jobs = Jobs {
            count: 3,
            kind: "mail".to_owned(),
            queue: "slow".to_owned(),
        };
        assert_eq!(Message::read(b"j 3 mail slow"), Some(Message::Jobs(jobs)));
        let due = Message::Due {
            at: 1_900_000_000_000_000,
            kind: "mail".to_owned(),
            queue: "slow".to_owned(),
        };
        assert_eq!(Message::read(b"t 1900000000000000 mail slow"), Some(due));
        let id = TaskId::new();
        let message = [b"e ", &id.uuid().as_bytes()[..]].concat();
        assert_eq!(Message::read(&message), Some(Message::Ended(id)));
        for strange in [
            &b""[..],
            b"e 7",
            b"j x mail slow",
            b"j 1 mail",
            b"z 1 a b",
            b"\xff",
        ] {
            assert_eq!(Message::read(strange), None);
        }
    }
}
