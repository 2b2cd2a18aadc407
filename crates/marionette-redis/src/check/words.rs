//! The letters of `check.lua` in words.

/// Something in the store that names a job, or a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Index {
    Bodies,
    States,
    Ends,
    Held,
    Attempts,
    Cancels,
    Waiting,
    Retrying,
    Failed,
    Done,
    Lanes,
}

impl Index {
    /// Its letter, as the script knows it.
    pub(super) fn letter(self) -> &'static str {
        match self {
            Self::Bodies => "b",
            Self::States => "s",
            Self::Ends => "e",
            Self::Held => "h",
            Self::Attempts => "a",
            Self::Cancels => "c",
            Self::Waiting => "w",
            Self::Retrying => "r",
            Self::Failed => "f",
            Self::Done => "d",
            Self::Lanes => "l",
        }
    }

    fn is_called(self) -> &'static str {
        match self {
            Self::Bodies => "the key `bodies`",
            Self::States => "the key `states`",
            Self::Ends => "the key `ends`",
            Self::Held => "what an instance has in hand",
            Self::Attempts => "the key `attempts`",
            Self::Cancels => "the key `cancels`",
            Self::Waiting => "the key `waiting`",
            Self::Retrying => "the key `retrying`",
            Self::Failed => "the key `failed`",
            Self::Done => "the key `done`",
            Self::Lanes => "a lane",
        }
    }

    /// What is wrong with an entry that is too short to name a job.
    pub(super) fn unreadable(self) -> String {
        format!("an entry of {} cannot be read", self.is_called())
    }

    /// What a letter of the script says of a job that an entry of this names.
    pub(super) fn fault(self, letter: u8) -> String {
        let text = match letter {
            b'n' => "neither waits, nor runs, nor has ended; a sweep will let it wait again",
            b'm' => "is in several places at once, so it may run twice",
            b'p' => "its kind or queue has no number, so nobody can claim it",
            b'b' => "its body cannot be read, so nobody can run it",
            b's' => "the row of its state cannot be read",
            b'e' => "the row of its end cannot be read",
            b'f' => "is not marked rightly where it waits, so a claim may overlook its state",
            b'q' => "what its instance has of it is wrong, so it cannot be given back",
            b'r' => "failed before and does not count as retrying",
            b'a' => "some of its attempts are missing",
            b'i' => "ended without success and is missing in the list of those",
            b't' => "ended without success and will be kept for ever",
            b'u' => "is done and will be kept for ever",
            b'P' => "a queue is paused, and claims still find jobs in it",
            b'H' => "a claim does not find the jobs of a lane; a sweep will mend it",
            b'X' => "jobs that crashed their instance wait, and claims do not look for them",
            b'x' => return format!("{} names it and should not", self.is_called()),
            b'o' => return format!("{} names it, and it has no body", self.is_called()),
            _ => "something is wrong that this library has no words for",
        };
        text.to_owned()
    }
}
