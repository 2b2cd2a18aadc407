//! Our own checks of the sources: rules of the house that no other tool knows.
//!
//! A check is a pure function from a file, or from all of them, to its findings. Each finding says
//! what to do.

mod attributes;
mod documents;
mod doubles;
mod header;
mod imports;
mod links;
mod listeners;
mod markers;
mod order;
mod phrases;
mod sinks;
mod size;
mod unsafety;

mod crates;
mod prose;
mod uses;

mod finding;
mod source;

mod blocks;
mod words;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::shell;
use finding::Finding;
use source::Source;

/// What every Rust file must pass.
const OF_A_FILE: [fn(&Source) -> Vec<Finding>; 8] = [
    attributes::check,
    header::check,
    imports::check,
    listeners::check,
    markers::check,
    sinks::check,
    size::check,
    unsafety::check,
];

/// What all Rust files together must pass.
const OF_ALL_FILES: [CheckOfAll; 2] = [doubles::check, order::check];

type CheckOfAll = fn(&[Source]) -> Vec<Finding>;

pub(crate) fn main() -> Result<()> {
    let mut paths = Vec::new();
    collect(shell::root(), &mut paths)?;
    let mut findings = Vec::new();
    let mut sources = Vec::new();
    let mut documents = Vec::new();
    for path in &paths {
        let text = || {
            let path = shell::root().join(path);
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        match path.extension().and_then(OsStr::to_str) {
            Some("rs") => sources.push(Source::new(path, text()?)),
            Some("md") => documents.push((path.clone(), text()?)),
            _ => (),
        }
    }
    let of_files = |source| OF_A_FILE.iter().flat_map(move |check| check(source));
    findings.extend(sources.iter().flat_map(of_files));
    findings.extend(OF_ALL_FILES.iter().flat_map(|check| check(&sources)));
    let exists = |target: &Path| shell::root().join(target).exists();
    for (path, text) in &documents {
        findings.extend(links::check(path, text, exists));
        findings.extend(documents::check(path, text, exists));
    }
    findings.extend(phrases::check(&sources, &documents));
    let files = sources.len() + documents.len();
    for finding in &findings {
        println!("{finding}");
    }
    ensure!(
        findings.is_empty(),
        "tidy found {} faults in {files} files",
        findings.len()
    );
    println!("tidy: {files} files, no faults");
    Ok(())
}

/// Collects all files below `folder`, relative to the workspace and in order, except hidden, built
/// and fetched ones.
fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let skipped =
            name.as_encoded_bytes().starts_with(b".") || name == "target" || name == "node_modules";
        if skipped {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), paths)?;
        } else {
            let path = entry.path();
            paths.push(path.strip_prefix(shell::root())?.to_owned());
        }
    }
    Ok(())
}
