//! Packs each published crate as its users get it: with licences and README, without tests. Each
//! package builds.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::shell;
use crate::step::{LIBRARY, Outcome};

/// The published packages, each after those that it needs.
pub(crate) const PUBLISHED: [&str; 4] = [
    LIBRARY,
    "marionette-sqlite",
    "marionette-redis",
    "marionette-cli",
];

/// What each package must have.
const NEEDED: [&str; 5] = [
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
];
/// What every user would download and none needs.
const BALLAST: [&str; 3] = ["tests/", "benches/", "examples/expected/"];

pub(crate) fn run() -> Result<Outcome> {
    for package in PUBLISHED {
        let words = format!("package --locked --allow-dirty --list --package {package}");
        let list = shell::output(&mut shell::cargo(&words))?;
        check(package, &list.lines().collect::<Vec<_>>())?;
    }
    if let Some(home) = shell::cargo_home() {
        for copy in stale(&home.join("registry").join("src"))? {
            fs::remove_dir_all(&copy)?;
        }
    }
    // All at once: a package that is not released yet finds the others only beside itself. Quietly,
    // since cargo names each test that is left out.
    let mut command = shell::cargo("package --quiet --locked --allow-dirty");
    command
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        // Otherwise each package would build all that it needs in a folder of its own.
        .env("CARGO_TARGET_DIR", shell::target().join("packages"));
    for package in PUBLISHED {
        command.args(["--package", package]);
    }
    shell::run(&mut command)?;
    if lacks_address(&fs::read_to_string(shell::root().join("Cargo.toml"))?) {
        println!("NOTE: the address of the repository is to be filled in, in Cargo.toml");
    }
    Ok(Outcome::Passed)
}

/// Copies of our packages that were unpacked when they were packed before. Cargo serves them to
/// each other from a registry without a name, which is the same for the same path, and unpacks
/// nothing that is there: the next packages would be built with the code of the last ones. What was
/// published is in the folder of a registry that has a name, and is not touched.
fn stale(sources: &Path) -> Result<Vec<PathBuf>> {
    let mut copies = Vec::new();
    for registry in folders(sources)? {
        let name = registry.file_name().unwrap_or_default();
        if name.as_encoded_bytes().starts_with(b"-") {
            let unpacked = folders(&registry)?.into_iter();
            copies.extend(unpacked.filter(|folder| is_ours(folder)));
        }
    }
    Ok(copies)
}

/// The folders in a folder; none if there is no such folder.
fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        found.push(entry?.path());
    }
    Ok(found)
}

/// Whether a folder is a version of one of our packages.
fn is_ours(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    PUBLISHED.iter().any(|package| {
        let version = name
            .strip_prefix(package)
            .and_then(|it| it.strip_prefix('-'));
        version.is_some_and(|version| version.starts_with(|it: char| it.is_ascii_digit()))
    })
}

/// Whether a package of these files is complete, and has nothing else.
fn check(package: &str, files: &[&str]) -> Result<()> {
    for needed in NEEDED {
        ensure!(
            files.contains(&needed),
            "{package} would be published without {needed}"
        );
    }
    for ballast in BALLAST {
        let file = files.iter().find(|file| file.starts_with(ballast));
        ensure!(
            file.is_none(),
            "{package} would be published with {ballast}: see `include` in its manifest"
        );
    }
    Ok(())
}

/// Whether nobody has filled in where the repository is.
fn lacks_address(manifest: &str) -> bool {
    manifest.lines().any(|line| line == "repository = \"\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_has_its_licences_and_no_tests() {
        let mut files = NEEDED.to_vec();
        files.push("src/lib.rs");
        check("a", &files).unwrap();
        files.push("tests/b.rs");
        let wrong = check("a", &files).unwrap_err().to_string();
        assert!(wrong.contains("with tests/"), "{wrong}");
        let wrong = check("a", &NEEDED[..4]).unwrap_err().to_string();
        assert!(wrong.contains("without README.md"), "{wrong}");
    }

    #[test]
    fn what_was_unpacked_before_is_known_and_nothing_that_was_published() {
        let sources = std::env::temp_dir().join(format!("xtask-package-{}", std::process::id()));
        let (ours, other) = (
            format!("-0a1b2c/{LIBRARY}-0.1.0"),
            "-0a1b2c/serde-1.0.0".to_owned(),
        );
        let (alike, published) = (
            format!("-0a1b2c/{LIBRARY}-extra-0.1.0"),
            format!("index.example.org-0a1b/{LIBRARY}-0.1.0"),
        );
        for folder in [&ours, &other, &alike, &published] {
            fs::create_dir_all(sources.join(folder)).unwrap();
        }
        let found = stale(&sources).unwrap();
        fs::remove_dir_all(&sources).unwrap();
        assert_eq!(found, [sources.join(ours)]);
        assert!(stale(&sources).unwrap().is_empty());
    }

    #[test]
    fn every_other_crate_is_not_published() {
        let crates = fs::read_dir(shell::root().join("crates")).unwrap();
        let mut published = Vec::new();
        for folder in crates {
            let manifest = folder.unwrap().path().join("Cargo.toml");
            let manifest = fs::read_to_string(manifest).unwrap();
            if !manifest.contains("\npublish = false\n") {
                let name = manifest.split('"').nth(1).unwrap().to_owned();
                published.push(name);
            }
        }
        published.sort();
        let mut expected = PUBLISHED.to_vec();
        expected.sort_unstable();
        assert_eq!(published, expected);
    }

    #[test]
    fn an_address_that_is_missing_is_noticed() {
        assert!(lacks_address("[workspace.package]\nrepository = \"\"\n"));
        assert!(!lacks_address("repository = \"https://example.org/a\"\n"));
    }
}
