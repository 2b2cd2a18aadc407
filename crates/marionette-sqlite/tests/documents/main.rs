//! The Rust that documents show is compiled and run: each block stands in a file beside this one,
//! word for word, and each row of the README's table of closures in `closures.rs`. Doctests compile
//! the blocks once more, as a reader would paste them.

// The blocks are laid out for their readers.
#![allow(clippy::pedantic, clippy::disallowed_methods)]

use std::path::Path;
use std::sync::LazyLock;

use tempfile::TempDir;

#[rustfmt::skip]
mod closures;
#[rustfmt::skip]
mod durable;
#[rustfmt::skip]
mod first_screen;
#[rustfmt::skip]
mod many_machines;
#[rustfmt::skip]
mod paused;
#[rustfmt::skip]
mod service;
#[rustfmt::skip]
mod transaction;

const CLOSURES: &str = include_str!("closures.rs");

const BLOCKS: &[&str] = &[
    include_str!("durable.rs"),
    include_str!("first_screen.rs"),
    include_str!("many_machines.rs"),
    include_str!("paused.rs"),
    include_str!("service.rs"),
    include_str!("transaction.rs"),
];

/// The blocks open files by names without a folder.
fn in_a_folder_of_its_own() {
    static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
        let folder = tempfile::tempdir().expect("there is a place for it");
        std::env::set_current_dir(&folder).expect("it is there");
        folder
    });
    LazyLock::force(&FOLDER);
}

/// The documents of the repository, by their paths: those at its root and in `docs`. The READMEs of
/// crates are doctests of their own crates.
fn documents() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut documents = Vec::new();
    for folder in ["", "docs/"] {
        for entry in root.join(folder).read_dir().expect("it is there") {
            let path = entry.expect("it can be read").path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let text = std::fs::read_to_string(&path).expect("it can be read");
                let name = path.file_name().expect("it has one");
                documents.push((format!("{folder}{}", name.display()), text));
            }
        }
    }
    documents
}

fn readme() -> String {
    let mut documents = documents().into_iter();
    let readme = documents.find(|(name, _)| name == "README.md");
    readme.expect("there is one").1
}

/// The blocks of Rust of a document. Rustdoc takes a block without a language for one too, and one
/// that it does not compile would say nothing.
fn blocks(name: &str, text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.trim_start().strip_prefix("```") else {
            continue;
        };
        let block = lines
            .by_ref()
            .take_while(|line| !line.trim_start().starts_with("```"));
        let block: String = block.flat_map(|line| [line, "\n"]).collect();
        let others = ["console", "ini", "json", "sh", "sql", "text", "toml"];
        if language == "rust" {
            blocks.push(block);
        } else {
            assert!(
                others.contains(&language),
                "{name}: no block may be `{language}`"
            );
        }
    }
    blocks
}

#[test]
fn every_rust_block_is_compiled_and_run_as_it_stands() {
    let mut count = 0;
    for (name, text) in documents() {
        for block in blocks(&name, &text) {
            assert!(
                BLOCKS.iter().any(|file| file.contains(&block)),
                "this block of {name} is in no file of tests/documents, or differs:\n{block}"
            );
            count += 1;
        }
    }
    assert_eq!(count, BLOCKS.len(), "each file has a block");
}

#[test]
fn every_document_with_rust_is_a_doctest() {
    let list = concat!(
        include_str!("../../src/lib.rs"),
        include_str!("../../../marionette-redis/src/lib.rs")
    );
    for (name, text) in documents() {
        let listed = list.contains(&format!("include_str!(\"../../../{name}\")"));
        let has_rust = !blocks(&name, &text).is_empty();
        assert_eq!(
            listed, has_rust,
            "{name}: list it in the src/lib.rs of its store if it has Rust"
        );
    }
}

fn without_white_space(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn every_row_of_which_closure_to_write_is_compiled_and_run_as_it_stands() {
    let readme = readme();
    let (_, section) = readme
        .split_once("### Which closure to write")
        .expect("there is the section");
    let rows: Vec<_> = section
        .lines()
        .skip_while(|line| !line.starts_with("| ---"))
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .collect();
    let compiled = without_white_space(CLOSURES);
    for row in &rows {
        let row = row.replace("\\|", "\u{1}");
        let cell = row.split('|').nth(2).expect("it has two cells");
        let code = cell.split('`').skip(1).step_by(2);
        let code = code.max_by_key(|code| code.len()).expect("it has code");
        let code = code.replace('\u{1}', "|");
        let queued = format!("tasks.queue({})", without_white_space(&code));
        assert!(
            compiled.contains(&queued),
            "closures.rs does not run this row:\n{code}"
        );
    }
    assert_eq!(rows.len(), 6);
    assert_eq!(compiled.matches("tasks.queue(").count(), rows.len());
}
