//! The command prints through one file, which makes every text safe for a terminal. Nothing else
//! writes to standard output or standard error.

use super::finding::Finding;
use super::source::Source;
use super::words;

/// Where the rule holds.
const ROOT: &str = "crates/marionette-cli/src";

/// The files that may print: messages, and the bars, which move the cursor.
const ALLOWED: [&str; 2] = [
    "crates/marionette-cli/src/console/mod.rs",
    "crates/marionette-cli/src/run/screen.rs",
];

/// The macros that print.
const MACROS: [&str; 4] = ["print", "println", "eprint", "eprintln"];

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let is_allowed = ALLOWED.iter().any(|path| source.path.ends_with(path));
    if !source.path.starts_with(ROOT) || is_allowed {
        return Vec::new();
    }
    let behind = |word: &'static str| {
        let places = words::places(&source.code, word).into_iter();
        places.map(move |at| (at, &source.code[at + word.len()..]))
    };
    let macros = MACROS.into_iter().flat_map(behind);
    let macros = macros.filter(|(_, rest)| rest.starts_with('!'));
    let streams = ["stdout", "stderr"].into_iter().flat_map(behind);
    let streams = streams.filter(|(_, rest)| {
        let rest = rest.strip_prefix("()").map(str::trim_start);
        rest.is_some_and(|rest| rest.starts_with(".lock") || rest.starts_with(".write"))
    });
    macros
        .chain(streams)
        .map(|(at, _)| {
            let [say, _] = ALLOWED;
            let text = format!("nothing is printed but in {say}, where it is made safe");
            Finding::new(&source.path, source.line(at), text)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::finding::found;
    use super::*;

    #[test]
    fn what_is_printed_elsewhere_is_found() {
        let text = "fn a() {\n    anstream::eprintln!(\"{error}\");\n    \
                    let _ = io::stdout()\n        .lock().write_all(b\"a\");\n}\n";
        let [say, screen] = ALLOWED;
        let found_at = |path: &str| found(check, path, text);
        let lines = found_at("crates/marionette-cli/src/add.rs");
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("crates/marionette-cli/src/add.rs:2: "));
        for path in [
            say,
            screen,
            "crates/marionette-cli/tests/add.rs",
            "xtask/src/main.rs",
        ] {
            assert!(found_at(path).is_empty(), "{path}");
        }
        let asked = "fn a() -> bool { io::stderr().is_terminal() && say::print(\"a\") }\n";
        assert!(found(check, "crates/marionette-cli/src/add.rs", asked).is_empty());
    }
}
