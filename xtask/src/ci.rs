//! Every check that is not a test, in the order in which they run: quick ones first.

use anyhow::Result;

use crate::install::Tool;
use crate::step::{LIBRARY, Outcome, Step, cargo};
use crate::{
    advisories, bench, docs, guided, loom, memcheck, miri, package, releases, servers, shell, tidy,
};

/// The features of the library, each of which must stand alone.
const FEATURES: [&str; 3] = ["metrics", "signal", "test-util"];

pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        about: "the sources are formatted",
        needs: &[],
        run: || cargo("fmt --all --check"),
    },
    Step {
        name: "tidy",
        about: "our own checks of the sources",
        needs: &[],
        run: || tidy::main().map(|()| Outcome::Passed),
    },
    Step {
        name: "typos",
        about: "spelling",
        needs: &[Tool::Typos],
        run: typos,
    },
    Step {
        name: "clippy",
        about: "lints, with all features",
        needs: &[],
        run: || {
            cargo("clippy --locked --workspace --all-targets --all-features -- --deny warnings")
        },
    },
    Step {
        name: "features",
        about: "lints, with the default features and with each feature alone",
        needs: &[],
        run: features,
    },
    Step {
        name: "doc",
        about: "the documentation builds without a warning, also as docs.rs shows it (nightly)",
        needs: &[],
        run: docs::run,
    },
    Step {
        name: "package",
        about: "each published package has its licences and its README, no tests, and builds",
        needs: &[],
        run: package::run,
    },
    Step {
        name: "msrv",
        about: "the published packages build with the oldest Rust that they promise",
        needs: &[],
        run: releases::oldest_rust,
    },
    Step {
        name: "semver",
        about: "no public item of the last release is gone or changed",
        needs: &[],
        run: releases::semver,
    },
    Step {
        name: "oldest",
        about: "the SQLite store works with the oldest rusqlite that it allows, and with sqlx",
        needs: &[],
        run: oldest,
    },
    Step {
        name: "servers",
        about: "the store in Redis does what it does on Valkey and on a newer Redis too",
        needs: &[],
        run: servers::run,
    },
    Step {
        name: "loom",
        about: "models of our own synchronisation",
        needs: &[],
        run: loom::run,
    },
    Step {
        name: "miri",
        about: "the unsafe module under the interpreter (nightly toolchain)",
        needs: &[],
        run: miri::run,
    },
    Step {
        name: "memcheck",
        about: "the unsafe module under valgrind's memory checker",
        needs: &[Tool::Valgrind],
        run: memcheck::run,
    },
    Step {
        name: "deny",
        about: "licences, bans and sources of the dependencies",
        needs: &[Tool::Deny],
        run: || cargo("deny --log-level error check licenses bans sources"),
    },
    Step {
        name: "advisories",
        about: "no dependency has a known vulnerability",
        needs: &[Tool::Deny],
        run: advisories::run,
    },
    Step {
        name: "unused",
        about: "no dependency is unused",
        needs: &[Tool::Machete],
        run: || cargo("machete --with-metadata"),
    },
    Step {
        name: "fuzz",
        about: "what parses takes any bytes, led by the code that they reach (nightly, cargo-fuzz)",
        needs: &[],
        run: guided::run,
    },
    Step {
        name: "instructions",
        about: "the hot paths take no more instructions than they did, beside a reference",
        needs: &[Tool::Valgrind, Tool::Gungraun],
        run: || bench::instructions().map(|()| Outcome::Passed),
    },
];

/// Builds in a target folder of its own, with a lock file of its own: the oldest and the newest
/// `rusqlite` exclude each other.
fn oldest() -> Result<Outcome> {
    cargo("run --quiet --locked --manifest-path xtask/oldest/Cargo.toml --target-dir target/oldest")
}

fn typos() -> Result<Outcome> {
    shell::run(&mut shell::program("typos"))?;
    Ok(Outcome::Passed)
}

/// Lints the default features too: with fewer of them, other code is unused.
fn features() -> Result<Outcome> {
    cargo("clippy --locked --workspace --all-targets -- --deny warnings")?;
    cargo(&format!(
        "clippy --locked --package {LIBRARY} --all-targets -- --deny warnings"
    ))?;
    // In one call: the tests of the first use the second, so they need the same dependencies.
    cargo(
        "clippy --locked --package marionette-sqlite --package marionette-redis --all-targets \
         -- --deny warnings",
    )?;
    // Neither encrypts, or knows servers at all.
    let least = "--lib --no-default-features -- --deny warnings";
    cargo(&format!(
        "clippy --locked --package marionette-redis {least}"
    ))?;
    cargo(&format!("clippy --locked --package marionette-cli {least}"))?;
    for feature in FEATURES {
        cargo(&format!(
            "clippy --locked --package {LIBRARY} --lib --no-default-features \
             --features {feature} -- --deny warnings"
        ))?;
    }
    Ok(Outcome::Passed)
}
