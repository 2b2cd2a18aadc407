//! A place in which commands with secrets are run, and looked for afterwards.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::common::{Said, Sandbox, entries};
use crate::values::Giveaways;

/// What is searched, beside what the program says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Search {
    /// Every file beside the store, and the store itself.
    All,
    /// Every file, but not the store: the secret is stored in it, as is documented.
    AllButStore,
    /// Nothing: what a command has taken apart itself is in its output.
    Said,
}

/// A job as `list --json` has it.
pub(crate) fn jobs(sandbox: &Sandbox) -> Vec<Value> {
    let listed = sandbox.run(&["list", "--all", "--json"]);
    let lines = listed.out.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("each line is an object"))
        .collect()
}

/// What was said, with the command that said it.
pub(crate) type AllSaid = Vec<(String, Said)>;

/// Everything that the program says of its tasks but what they wrote.
pub(crate) fn all_that_is_listed(sandbox: &Sandbox) -> AllSaid {
    let lists = [
        &["list", "--all"][..],
        &["list", "--all", "--json"],
        &["stats"],
        &["stats", "--json"],
    ];
    let said = lists.map(|arguments| (arguments.join(" "), sandbox.run(arguments)));
    said.into()
}

/// Everything that the program says of its tasks, with what they wrote.
pub(crate) fn all_that_is_said(sandbox: &Sandbox) -> AllSaid {
    let jobs = jobs(sandbox);
    let ids: Vec<_> = jobs.iter().filter_map(|job| job["id"].as_str()).collect();
    let with_ids = |arguments: &[&str]| {
        let said = sandbox.run(&[arguments, &ids].concat());
        (arguments.join(" "), said)
    };
    let mut said = all_that_is_listed(sandbox);
    said.extend([with_ids(&["show", "--full"]), with_ids(&["show", "--json"])]);
    // It follows one at a time, and prints the same bytes.
    for id in ids.iter().take(5) {
        for raw in [&[][..], &["--raw"]] {
            let followed = [&["follow", "--no-wait", id][..], raw].concat();
            said.push((followed.join(" "), sandbox.run(&followed)));
        }
    }
    said
}

/// Looks for secrets in all that is said and kept.
pub(crate) fn search(sandbox: &Sandbox, secrets: &Giveaways, what: Search, said: &AllSaid) {
    let mut found = Vec::new();
    for (name, said) in said {
        for text in [&said.out, &said.err] {
            if let Some(piece) = secrets.find(text.as_bytes()) {
                found.push(format!("`{piece}` in what `{name}` says: {text}"));
            }
        }
    }
    for path in files(&sandbox.path("")) {
        let name = path.strip_prefix(sandbox.path("")).expect("it is in it");
        let name = name.to_string_lossy();
        let is_searched = match what {
            Search::All => name.starts_with("tasks.db"),
            Search::AllButStore => name.starts_with("tasks.db-") && name != "tasks.db-wal",
            Search::Said => false,
        };
        if !is_searched {
            continue;
        }
        if let Some(piece) = secrets.find(&fs::read(&path).expect("it is ours")) {
            found.push(format!("`{piece}` in the file {name}"));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in entries(folder) {
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.is_file() {
            files.push(path);
        }
    }
    files
}

/// What the commands wrote, as it is kept.
pub(crate) fn outputs(sandbox: &Sandbox) -> Vec<String> {
    let files = files(&sandbox.path("tasks.db-output")).into_iter();
    files
        .map(|file| String::from_utf8_lossy(&fs::read(file).expect("it is ours")).into_owned())
        .collect()
}
