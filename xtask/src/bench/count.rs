//! The cost of a path, read from a profile of callgrind: the instructions of our own program, and
//! the number of its calls of the C library.
//!
//! How many instructions the C library takes for a call depends on the processor, by which it picks
//! its functions, and on the allocator's settings. That is not our code, so a call has a fixed
//! price.

/// The price of a call of the C library, in instructions: about what an allocation takes.
const CALL: f64 = 50.0;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Of the program itself, not of the libraries that it calls.
    pub(crate) instructions: u64,
    /// From the program to a library.
    pub(crate) calls: u64,
}

impl Count {
    /// Reads the format that Valgrind's manual describes in "Callgrind Format Specification", with
    /// names written out.
    pub(crate) fn read(profile: &str) -> Self {
        let mut count = Self::default();
        let program = profile
            .lines()
            .find_map(|line| line.strip_prefix("cmd: "))
            .and_then(|command| command.split_whitespace().next())
            .unwrap_or_default();
        let (mut object, mut called) = ("", None);
        let mut lines = profile.lines();
        while let Some(line) = lines.next() {
            if let Some(name) = line.strip_prefix("ob=") {
                object = name;
            } else if let Some(name) = line.strip_prefix("cob=") {
                called = Some(name);
            } else if let Some(call) = line.strip_prefix("calls=") {
                // Where no object is named, the called function lies in that of the caller.
                let elsewhere = called.take().is_some_and(|called| called != object);
                if object == program && elsewhere {
                    count.calls += first_number(call.split(' '));
                }
                // The next line is the cost of the called function, which has lines of its own.
                lines.next();
            } else if object == program && is_cost(line) {
                count.instructions += first_number(line.split(' ').skip(1));
            }
        }
        count
    }

    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub(crate) fn cost(self) -> f64 {
        self.instructions as f64 + CALL * self.calls as f64
    }
}

/// A position, and what was counted there.
fn is_cost(line: &str) -> bool {
    line.starts_with(|char: char| char.is_ascii_digit() || "+-*".contains(char))
}

fn first_number<'a>(mut words: impl Iterator<Item = &'a str>) -> u64 {
    words
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "\
# callgrind format
cmd:  /t/paths --run 1
events: Ir
summary: 5160

ob=/lib/libc.so
fn=main
cob=/t/paths
cfn=run
calls=1 0
5 5000
6 10

ob=/t/paths
fl=run.rs
fn=run
10 100
+1 20
cfn=step
calls=2 30
* 30
cob=/lib/libc.so
cfn=malloc
calls=3 7
12 4000
fn=step
30 30
";

    #[test]
    fn only_the_program_itself_and_its_calls_count() {
        let count = Count::read(PROFILE);
        let expected = Count {
            instructions: 150,
            calls: 3,
        };
        assert_eq!(count, expected);
        assert!((count.cost() - 300.0).abs() < f64::EPSILON);
    }

    #[test]
    fn what_the_library_takes_for_a_call_changes_nothing() {
        let slower = PROFILE
            .replace("12 4000", "12 9000")
            .replace("6 10", "6 90");
        assert_eq!(Count::read(&slower), Count::read(PROFILE));
    }
}
