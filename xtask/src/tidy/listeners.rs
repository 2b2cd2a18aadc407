//! The listeners for spans and events are the application's own code and may panic, so the library
//! calls them in two files, and catches the panic of each call.

use super::finding::Finding;
use super::source::Source;
use super::words;

/// Where the rule holds.
const ROOT: &str = "crates/marionette/src";

/// The files that may call listeners. In the first, only inside of what catches a panic.
const ALLOWED: [&str; 2] = [
    "crates/marionette/src/observe/mod.rs",
    "crates/marionette/src/quiet.rs",
];

/// What catches a panic.
const NETS: [&str; 2] = ["quietly(", "QuietSpan::new("];

/// How many lines above a call the net may open.
const REACH: usize = 4;

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let [observe, quiet] = ALLOWED;
    if !source.path.starts_with(ROOT) || source.path.ends_with(quiet) {
        return Vec::new();
    }
    let lines: Vec<&str> = source.code.lines().collect();
    let may_tell = source.path.ends_with(observe);
    let is_call = |at: usize| {
        let rest = &source.code[at + "tracing".len()..];
        let name = rest.strip_prefix("::").unwrap_or_default();
        name.split_once('!').is_some_and(|(name, _)| {
            name.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        })
    };
    let is_caught = |at: usize| {
        let line = source.line(at);
        let before = &lines[line.saturating_sub(REACH + 1)..line];
        before
            .iter()
            .any(|line| NETS.iter().any(|net| line.contains(net)))
    };
    words::places(&source.code, "tracing")
        .into_iter()
        .filter(|&at| is_call(at) && !(may_tell && is_caught(at)))
        .map(|at| {
            let text = if may_tell {
                format!(
                    "a listener may panic: tell it inside of {}",
                    NETS.join(" or ")
                )
            } else {
                format!("spans and events are told in {observe} only, where panics are caught")
            };
            Finding::new(&source.path, source.line(at), text)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::finding::found;
    use super::*;

    #[test]
    fn an_event_that_nothing_catches_is_found() {
        let text = "use tracing::Span;\nfn a() { tracing::info!(\"b\"); }\n";
        let [observe, quiet] = ALLOWED;
        for path in ["crates/marionette/src/engine/stop.rs", observe] {
            let found = found(check, path, text);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(&format!("{path}:2: ")), "{found:?}");
        }
        let elsewhere = ["crates/marionette-cli/src/run/mod.rs", quiet];
        assert!(
            elsewhere
                .into_iter()
                .all(|path| found(check, path, text).is_empty())
        );
        let caught = "fn a() {\n    let _ = quietly(|| tracing::event!(\"b\"));\n}\n";
        assert!(found(check, observe, caught).is_empty());
        assert_eq!(
            found(check, "crates/marionette/src/engine/stop.rs", caught).len(),
            1
        );
    }
}
