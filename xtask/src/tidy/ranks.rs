//! The modules of the library depend on each other in one direction: a module may use those of its
//! own rank or below, never those above.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::blocks;
use super::finding::Finding;
use super::source::Source;
use super::words;

/// Where the ranks hold.
const ROOT: &str = "crates/marionette/src";

/// This file, which holds the table.
const HERE: &str = "xtask/src/tidy/ranks.rs";

/// Every module of the library, the highest rank first. ARCHITECTURE.md explains them.
const RANKS: [&[&str]; 6] = [
    // 5: what a user holds.
    &[
        "manager",
        "builder",
        "submit",
        "many",
        "enqueue",
        "job_handle",
        "exec",
        "signal",
        "testing",
    ],
    // 4: the circle.
    &["durable", "circle", "worker"],
    // 3: its parts, and the store that is this process.
    &[
        "attempt", "turn", "stop", "engine", "refusal", "waiting", "memory",
    ],
    // 2: decisions and observations.
    &["verdict", "observe", "stats", "config"],
    // 1: the nouns, those that users see before those they do not.
    &[
        "store", "inspect", "task", "job", "registry", "parcel", "handler", "blocking", "options",
        "context", "join", "outcome", "error", "ended", "event", "draft", "body", "cell", "extra",
        "leased", "post", "current", "panic", "quiet", "metrics",
    ],
    // 0: what could be in any library.
    &[
        "finite", "backoff", "id", "clock", "sync", "tally", "park", "vacancy",
    ],
];

fn rank(module: &str) -> Option<usize> {
    let row = RANKS.iter().position(|modules| modules.contains(&module))?;
    Some(RANKS.len() - 1 - row)
}

/// The modules on disk and the modules in the table are the same.
pub(crate) fn check_table(paths: &[PathBuf]) -> Vec<Finding> {
    let on_disk: BTreeMap<String, &PathBuf> = paths
        .iter()
        .filter_map(|path| Some((module_path(path)?.into_iter().next()?, path)))
        .filter(|(module, _)| !blocks::is_tests(module))
        .collect();
    let unranked = on_disk.iter().filter(|(module, _)| rank(module).is_none());
    let unranked = unranked.map(|(module, path)| {
        Finding::new(
            path,
            1,
            format!("module `{module}` has no rank; add it to the table in {HERE}"),
        )
    });
    let gone = RANKS
        .into_iter()
        .flatten()
        .filter(|module| !on_disk.contains_key(**module));
    let gone = gone.map(|module| {
        let text = format!("module `{module}` does not exist; remove it from the table");
        Finding::new(Path::new(HERE), line_here(module), text)
    });
    unranked.chain(gone).collect()
}

/// The line of this file that first names `module` in quotes.
fn line_here(module: &str) -> usize {
    let quoted = format!("\"{module}\"");
    let line = include_str!("ranks.rs")
        .lines()
        .position(|line| line.contains(&quoted));
    line.map_or(1, |line| line + 1)
}

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let Some(own_path) = module_path(&source.path) else {
        return Vec::new();
    };
    let Some(own) = own_path.first().and_then(|module| rank(module)) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for (at, module) in uses(source, own_path.len()) {
        let text = match rank(module) {
            Some(rank) if rank <= own => continue,
            Some(rank) => format!(
                "`{module}` (rank {rank}) is above `{}` (rank {own}); \
                 move what both need down, or pass it in",
                own_path[0]
            ),
            None => format!("`crate::{module}` is no module with a rank; name the module itself"),
        };
        findings.push(Finding::new(&source.path, source.line(at), text));
    }
    findings
}

/// `memory/queue.rs` is `[memory, queue]`; `lib.rs`, which shows everything, has no rank.
fn module_path(path: &Path) -> Option<Vec<String>> {
    let inside = path.strip_prefix(ROOT).ok()?.with_extension("");
    let mut names: Vec<_> = inside
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    if names.last().is_some_and(|name| name == "mod") {
        names.pop();
    }
    (names != ["lib"]).then_some(names)
}

/// The modules of the crate that a file names outside its tests, and where. `depth` is how deep the
/// file's own module lies, since that many `super` lead to the crate too.
fn uses(source: &Source, depth: usize) -> Vec<(usize, &str)> {
    let code = source.code.as_str();
    let paths = words::places(code, "crate")
        .into_iter()
        .map(|at| (at, at + "crate".len()));
    let parents = words::places(code, "super").into_iter().filter_map(|at| {
        let count = depth + blocks::modules_around(code, at).len();
        let chain = vec!["super"; count].join("::");
        let begins = !code[..at].ends_with("::") && code[at..].starts_with(&chain);
        begins.then_some((at, at + chain.len()))
    });
    let mut uses = Vec::new();
    for (at, end) in paths.chain(parents) {
        let Some(after) = code[end..].strip_prefix("::") else {
            continue;
        };
        if !source.in_tests(at) {
            uses.extend(first_names(after).into_iter().map(|name| (at, name)));
        }
    }
    uses
}

/// `a::b` begins with `a`; `{a::b, c::{d, e}}` with `a` and `c`.
fn first_names(path: &str) -> Vec<&str> {
    let Some(group) = path.strip_prefix('{') else {
        return vec![words::name(path)];
    };
    let mut depth = 0;
    let mut names = vec![words::name(group)];
    for (at, char) in group.char_indices() {
        match char {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(words::name(&group[at + 1..])),
            _ => (),
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[cfg(test)]
mod tests {
    use super::super::finding::found;
    use super::*;

    fn in_module(file: &str, text: &str) -> Vec<String> {
        found(check, &format!("{ROOT}/{file}"), text)
    }

    #[test]
    fn looking_up_is_found() {
        let found = in_module(
            "task.rs",
            "use crate::manager::TaskManager;\nuse crate::error::E;\n",
        );
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("task.rs:1: `manager` (rank 5) is above `task` (rank 1)"));
    }

    #[test]
    fn looking_up_is_found_in_groups_in_expressions_and_through_parents() {
        let found = in_module(
            "task.rs",
            "use crate::{\n    error::{A, B},\n    worker::Worker,\n};\n",
        );
        assert!(
            found[0].contains("`worker`") && found.len() == 1,
            "{found:?}"
        );
        assert_eq!(
            in_module("task.rs", "fn a() { crate::worker::run() }\n").len(),
            1
        );
        assert_eq!(
            in_module("task.rs", "use super::worker::Worker;\n").len(),
            1
        );
        assert_eq!(
            in_module("memory/queue.rs", "use super::super::worker::Worker;\n").len(),
            1
        );
        assert!(in_module("memory/queue.rs", "use super::worker::Worker;\n").is_empty());
    }

    #[test]
    fn a_name_of_the_root_has_no_rank() {
        assert!(in_module("task.rs", "use crate::TaskManager;\n")[0].contains("no module"));
    }

    #[test]
    fn sideways_down_and_tests_are_free() {
        let text = "use crate::builder::Builder;\npub(crate) use crate::sync::Mutex;\n\
                    mod tests { use super::*; use crate::manager::TaskManager; }\n";
        assert!(in_module("manager.rs", text).is_empty());
        assert!(in_module("clock.rs", "mod tests { use crate::manager::A; }\n").is_empty());
        assert!(in_module("lib.rs", "pub use crate::manager::TaskManager;\n").is_empty());
    }

    #[test]
    fn the_table_and_the_folder_must_agree() {
        let all = RANKS
            .into_iter()
            .flatten()
            .map(|name| PathBuf::from(format!("{ROOT}/{name}.rs")));
        let mut paths: Vec<_> = all.collect();
        assert!(check_table(&paths).is_empty());
        paths[0] = PathBuf::from(format!("{ROOT}/newcomer/mod.rs"));
        let found: Vec<_> = check_table(&paths)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(
            found[0].contains("module `newcomer` has no rank"),
            "{found:?}"
        );
        assert!(
            found[1].contains("module `manager` does not exist"),
            "{found:?}"
        );
    }
}
