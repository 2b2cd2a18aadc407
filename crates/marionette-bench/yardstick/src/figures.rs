//! What one measurement gives: a figure for each metric, or why there is none.

use std::collections::BTreeMap;
use std::fmt::Write;

/// Figures by the key of their metric.
pub type Figures = BTreeMap<&'static str, f64>;

/// The answer of one child process.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was measured.
    Measured(BTreeMap<String, f64>),
    /// The contender has nothing that does this work: why.
    Cannot(String),
    /// It should, and did not: what happened.
    Failed(String),
}

/// Figures as the child writes them: a line for each.
#[must_use]
pub fn write(figures: &Figures) -> String {
    let mut text = String::new();
    for (key, figure) in figures {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{key}={figure}");
    }
    text
}

/// Figures as the parent reads them; none if the text is something else.
#[must_use]
pub fn read(text: &str) -> Option<BTreeMap<String, f64>> {
    let figure = |line: &str| {
        let (key, figure) = line.split_once('=')?;
        Some((key.to_owned(), figure.parse().ok()?))
    };
    let figures = text.lines().map(figure).collect::<Option<BTreeMap<_, _>>>();
    figures.filter(|figures| !figures.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let figures = Figures::from([("ns", 91.5), ("nothing", f64::NAN)]);
        let read = read(&write(&figures)).expect("it is an answer");
        assert_eq!(read["ns"].to_bits(), 91.5_f64.to_bits());
        assert!(read["nothing"].is_nan());
    }

    #[test]
    fn what_is_not_an_answer_is_told_from_one() {
        assert_eq!(read(""), None);
        assert_eq!(read("ns=1\nthread panicked"), None);
    }
}
