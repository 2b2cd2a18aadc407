//! Tasks in TOML: `[[task]]` tables, and `[defaults]` for what they do not say.

use marionette::store::PAYLOAD_BYTES_MAX;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::draft::{Draft, defaults_keys};
use super::node::{Entry, Node, Value};
use super::{Fault, Task, all_or_faults};

pub(super) fn read(text: &str, base: &Draft) -> Result<Vec<Task>, Vec<Fault>> {
    let places = LineStarts::new(text);
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| places.line(span.start));
        vec![Fault::new(line, error.message())]
    })?;
    let (mut tasks, mut faults) = (Vec::new(), Vec::new());
    let mut base = base.clone();
    for entry in entries(table.get_ref(), &places) {
        match (entry.key.as_str(), &entry.node.value) {
            ("task", Value::List(nodes)) => tasks.extend(nodes.clone()),
            ("task", _) => {
                let text = "a task begins with `[[task]]`, in two pairs of brackets";
                faults.push(entry.node.fault(text));
            }
            ("defaults", _) => {
                // Its own faults must not hide those of the tasks.
                let filled = base.fill(&entry.node, &defaults_keys());
                faults.extend(filled.err().unwrap_or_default());
            }
            (key, _) => faults.push(unknown(&entry, key)),
        }
    }
    all_or_faults(super::draft::read_all(&base, &tasks), faults)
}

fn unknown(entry: &Entry, key: &str) -> Fault {
    let text = format!("`{key}` is neither `[[task]]` nor `[defaults]`");
    Fault::new(entry.line, text)
}

fn entries(table: &DeTable<'_>, places: &LineStarts) -> Vec<Entry> {
    let entries = table.iter().map(|(key, value)| Entry {
        line: places.line(key.span().start),
        key: key.get_ref().to_string(),
        node: node(value, places),
    });
    entries.collect()
}

fn node(value: &Spanned<DeValue<'_>>, places: &LineStarts) -> Node {
    let line = places.line(value.span().start);
    let value = match value.get_ref() {
        DeValue::String(text) if text.len() > PAYLOAD_BYTES_MAX => Value::Long(text.len()),
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => Value::Number(number.to_string()),
        DeValue::Float(number) => Value::Number(number.to_string()),
        DeValue::Boolean(bool) => Value::Bool(*bool),
        DeValue::Datetime(time) => Value::Text(time.to_string()),
        DeValue::Array(values) => {
            Value::List(values.iter().map(|value| node(value, places)).collect())
        }
        DeValue::Table(table) => Value::Table(entries(table, places)),
    };
    Node { line, value }
}

/// Where lines begin, to find the line of a byte.
struct LineStarts(Vec<usize>);

impl LineStarts {
    fn new(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    fn line(&self, byte: usize) -> usize {
        self.0.partition_point(|&end| end < byte) + 1
    }
}
