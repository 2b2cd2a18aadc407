//! Tasks in JSON Lines: an object in each line, with the keys that a task has in TOML.

use super::draft::Draft;
use super::node::{Entry, Node, Value};
use super::{Fault, Task, all_or_faults};

pub(super) fn read(text: &str, base: &Draft) -> Result<Vec<Task>, Vec<Fault>> {
    let mut nodes = Vec::new();
    let mut faults = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        match serde_json::from_str(text) {
            Ok(value) => nodes.push(node(value, line)),
            Err(error) => faults.push(Fault::new(line, json_fault(&error))),
        }
    }
    all_or_faults(super::draft::read_all(base, &nodes), faults)
}

/// The error without its line, which counts within the text and is always the first.
fn json_fault(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    format!("{text} in column {}", error.column())
}

fn node(value: serde_json::Value, line: usize) -> Node {
    let value = match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(bool) => Value::Bool(bool),
        serde_json::Value::Number(number) => Value::Number(number.to_string()),
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Array(values) => {
            Value::List(values.into_iter().map(|value| node(value, line)).collect())
        }
        serde_json::Value::Object(entries) => {
            let entries = entries.into_iter().map(|(key, value)| Entry {
                line,
                key,
                node: node(value, line),
            });
            Value::Table(entries.collect())
        }
    };
    Node { line, value }
}
