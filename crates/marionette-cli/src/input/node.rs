//! A value of a file with its line, in any format.

use super::Fault;

/// A value and its line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) value: Value,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    /// The length of a text that is longer than any command may be.
    Long(usize),
    Number(String),
    Bool(bool),
    Null,
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) line: usize,
    pub(crate) key: String,
    pub(crate) node: Node,
}

impl Node {
    /// A fault in the line of the value.
    pub(crate) fn fault(&self, text: impl Into<String>) -> Fault {
        Fault::new(self.line, text)
    }

    /// The value as a text; a fault if it is none.
    pub(crate) fn text(&self, key: &str) -> Result<&str, Fault> {
        match &self.value {
            Value::Text(text) => Ok(text),
            Value::Long(bytes) => Err(self.fault(format!("`{key}`: {}", super::too_long(*bytes)))),
            _ => Err(self.fault(format!("`{key}` must be a string, and is {}", self.what()))),
        }
    }

    /// The value as a text, even if it was written as a number.
    pub(crate) fn text_or_number(&self, key: &str) -> Result<&str, Fault> {
        match &self.value {
            Value::Number(text) => Ok(text),
            _ => self.text(key),
        }
    }

    pub(crate) fn list(&self, key: &str) -> Result<&[Self], Fault> {
        match &self.value {
            Value::List(nodes) => Ok(nodes),
            _ => Err(self.fault(format!("`{key}` must be a list, and is {}", self.what()))),
        }
    }

    pub(crate) fn table(&self, key: &str) -> Result<&[Entry], Fault> {
        match &self.value {
            Value::Table(entries) => Ok(entries),
            _ => Err(self.fault(format!("`{key}` must be a table, and is {}", self.what()))),
        }
    }

    pub(crate) fn what(&self) -> &'static str {
        match self.value {
            Value::Text(_) | Value::Long(_) => "a text",
            Value::Number(_) => "a number",
            Value::Bool(_) => "true or false",
            Value::Null => "null",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}
