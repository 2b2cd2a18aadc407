//! What one measurement gives: a figure for each metric, or why there is none.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Figures by the key of their metric.
pub(crate) type Figures = BTreeMap<&'static str, f64>;

/// The answer of one child process.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// It was measured.
    Measured(BTreeMap<String, f64>),
    /// The contender has nothing that does this work: why.
    Cannot(String),
    /// It should, and did not: what happened.
    Failed(String),
}

/// Figures as the child writes them.
pub(crate) fn write(figures: &Figures) -> String {
    json!({ "figures": figures }).to_string()
}

/// Figures as the parent reads them; none if the text is something else.
pub(crate) fn read(text: &str) -> Option<BTreeMap<String, f64>> {
    let Value::Object(answer) = serde_json::from_str(text).ok()? else {
        return None;
    };
    let Value::Object(figures) = answer.get("figures")? else {
        return None;
    };
    // A quantile of nothing is written as null.
    let figure = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    Some(
        figures
            .iter()
            .map(|(key, value)| (key.clone(), figure(value)))
            .collect(),
    )
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
}
