//! What a child is told to do, as words on its command line.

use std::fs;
use std::path::PathBuf;

/// One piece of work for one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What to do.
    pub step: Step,
    /// How many jobs; of [`Step::Idle`], how many seconds.
    pub count: u32,
    /// How many jobs run at once.
    pub at_once: usize,
    /// How the contender is set up.
    pub mode: String,
    /// Where its store is: a file, or one that says where the server is.
    pub file: PathBuf,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Enqueue one by one from one producer.
    One,
    /// Enqueue from 64 callers at once.
    Callers,
    /// Enqueue many in each call.
    Many,
    /// Enqueue many in each call, from four producers at once.
    Bulk,
    /// Drain what was filled in before.
    Drain,
    /// Pick-up latency.
    Latency,
    /// Lateness of scheduled jobs.
    Due,
    /// Idle.
    Idle,
    /// Fill the file and end.
    Fill,
    /// Work and log until killed.
    Log,
    /// Open a file full of jobs, and run some of them.
    Open,
    /// Work beside other processes on the same store, from a sign of the parent to another.
    Share,
    /// Fill the store with jobs that nobody wants, and end.
    Elsewhere,
    /// Claim one job after another, on an empty store and beside jobs that nobody wants.
    Claim,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::One,
        Self::Callers,
        Self::Many,
        Self::Bulk,
        Self::Drain,
        Self::Latency,
        Self::Due,
        Self::Idle,
        Self::Fill,
        Self::Log,
        Self::Open,
        Self::Share,
        Self::Elsewhere,
        Self::Claim,
    ];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Callers => "callers",
            Self::Many => "many",
            Self::Bulk => "bulk",
            Self::Drain => "drain",
            Self::Latency => "latency",
            Self::Due => "due",
            Self::Idle => "idle",
            Self::Fill => "fill",
            Self::Log => "log",
            Self::Open => "open",
            Self::Share => "share",
            Self::Elsewhere => "elsewhere",
            Self::Claim => "claim",
        }
    }
}

impl Order {
    /// The words that [`read`](Self::read) reads as this order.
    #[must_use]
    pub fn words(&self) -> [String; 5] {
        [
            self.step.word().to_owned(),
            self.count.to_string(),
            self.at_once.to_string(),
            self.mode.clone(),
            self.file.display().to_string(),
        ]
    }

    /// The address of the server that has the store, such as `redis://127.0.0.1:6379`.
    ///
    /// # Panics
    ///
    /// When the file cannot be read that says it.
    #[must_use]
    pub fn address(&self) -> String {
        fs::read_to_string(&self.file).expect("the file has the address of the server")
    }

    /// An order from words.
    ///
    /// # Errors
    ///
    /// What is missing or unknown, in words.
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut word = |what: &str| words.next().ok_or_else(|| format!("no {what} is given"));
        let step = word("step")?;
        let known = Step::ALL.into_iter().find(|known| known.word() == step);
        let number = |text: String| {
            text.parse::<u32>()
                .map_err(|_| format!("{text}: no number"))
        };
        Ok(Self {
            step: known.ok_or_else(|| format!("no step is called {step}"))?,
            count: number(word("count")?)?,
            at_once: number(word("number at once")?)? as usize,
            mode: word("mode")?,
            file: PathBuf::from(word("file")?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_understands_its_parent() {
        for step in Step::ALL {
            let order = Order {
                step,
                count: 5_000,
                at_once: 4,
                mode: "tuned".to_owned(),
                file: PathBuf::from("a folder/jobs.db"),
            };
            assert_eq!(Order::read(order.words().into_iter()), Ok(order));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let read = |line: &str| Order::read(line.split(' ').map(str::to_owned)).unwrap_err();
        assert_eq!(read("jump 1 1 default a"), "no step is called jump");
        assert_eq!(read("one many 1 default a"), "many: no number");
        assert_eq!(read("one 1 1 default"), "no file is given");
    }
}
