//! Bytes for people: as JSON or text, cut to a length, and without the secrets of a command.

use std::borrow::Cow;

use marionette::inspect::JobDetails;
use marionette::{Job, Payload};
use serde_json::Value;

use crate::command::{Command, Veil};
use crate::console::text;

/// The veil over the secrets of a command.
pub(super) fn veil(details: &JobDetails) -> Veil {
    let is_command = details.summary.kind == Command::KIND;
    let command = is_command.then(|| Command::decode(&details.payload).ok());
    command
        .flatten()
        .map_or_else(Veil::default, |command| Veil::stored(&command))
}

/// Bytes in their most readable form.
pub(super) enum Readable {
    Json(Value),
    Text(String),
}

impl Readable {
    pub(super) fn pretty(&self) -> String {
        match self {
            Self::Json(value) => serde_json::to_string_pretty(value).unwrap_or_default(),
            Self::Text(text) => text.clone(),
        }
    }

    pub(super) fn value(self, limit: usize) -> (Value, bool) {
        let pretty = self.pretty();
        match self {
            _ if pretty.len() > limit => (prefix(&pretty, limit).into(), true),
            Self::Json(value) => (value, false),
            Self::Text(text) => (text.into(), false),
        }
    }
}

/// The payload of a job, without the secrets of a command.
pub(super) fn payload(details: &JobDetails) -> Readable {
    let mut payload = readable(&details.payload);
    if details.summary.kind == Command::KIND
        && let Readable::Json(value) = &mut payload
    {
        mask(value, &veil(details));
    }
    payload
}

pub(super) fn readable(bytes: &[u8]) -> Readable {
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Readable::Json(value);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Readable::Text(text.to_owned()),
        Err(_) => Readable::Text(bytes.escape_ascii().to_string()),
    }
}

/// Masks the secrets of a command, even within a text that is not secret itself.
fn mask(value: &mut Value, veil: &Veil) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    "secret" => *value = "***".into(),
                    _ => mask(value, veil),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| mask(value, veil)),
        Value::String(text) => {
            if let Cow::Owned(veiled) = veil.over(text) {
                *text = veiled;
            }
        }
        _ => {}
    }
}

pub(super) fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let begin = prefix(text, limit);
    let rest = text::count(text.len() - begin.len(), "byte");
    format!("{begin}\n[… {rest} more; --full shows all …]")
}

fn prefix(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

pub(super) fn suffix(text: &str, limit: usize) -> &str {
    let mut start = text.len().saturating_sub(limit);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_commands_are_taken_out_wherever_they_are() {
        let payload = br#"{"command":["curl",{"secret":"hunter 2"}],"env":{"A":{"secret":"x7"}}}"#;
        let mut shown = serde_json::from_slice(payload).unwrap();
        mask(&mut shown, &Veil::default());
        let shown = shown.to_string();
        assert!(
            !shown.contains("hunter") && !shown.contains("x7"),
            "{shown}"
        );
        assert!(shown.contains("curl"), "{shown}");
    }

    #[test]
    fn what_is_long_is_cut_between_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("aä世", 4), "aä\n[… 3 bytes more; --full shows all …]");
    }

    #[test]
    fn bytes_that_are_no_text_are_written_out() {
        assert_eq!(readable(b"\xff\x00a").pretty(), "\\xff\\x00a");
        assert_eq!(readable(b"plain").pretty(), "plain");
    }
}
