//! Builds the documentation: once for us, and once as docs.rs will show it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::shell;
use crate::step::{LIBRARY, Outcome};
use crate::toolchain;

/// The published libraries, the features with which docs.rs documents each, and an item beside
/// which it must say its feature.
const SHOWN: [(&str, &str, &str, &str); 3] = [
    (
        LIBRARY,
        "--all-features",
        "marionette/testing/index.html",
        "test-util",
    ),
    (
        "marionette-sqlite",
        "--features sqlx,test-util",
        "marionette_sqlite/struct.Clock.html",
        "test-util",
    ),
    (
        "marionette-redis",
        "--all-features",
        "marionette_redis/struct.Clock.html",
        "test-util",
    ),
];

pub(crate) fn run() -> Result<Outcome> {
    let mut command = shell::cargo("doc --locked --workspace --all-features --no-deps");
    shell::run(command.env("RUSTDOCFLAGS", "--deny warnings"))?;
    if !toolchain::is_here("nightly") {
        let why = "the nightly toolchain, which docs.rs uses, is missing: features at items were \
                   not looked at (rustup toolchain install nightly)";
        return Ok(Outcome::Skipped(why.to_owned()));
    }
    let target = shell::target().join("docsrs");
    for (package, features, page, feature) in SHOWN {
        // Nobody runs this SQLite, so it need not be fast.
        let words = format!(
            "doc --locked --no-deps --package {package} {features} \
             --config profile.dev.package.libsqlite3-sys.opt-level=0"
        );
        let mut command = toolchain::cargo("nightly", &words);
        command
            .env("RUSTDOCFLAGS", "--cfg docsrs --deny warnings")
            .env("CARGO_TARGET_DIR", &target);
        shell::run(&mut command)?;
        names_its_feature(&target.join("doc").join(page), feature)?;
    }
    Ok(Outcome::Passed)
}

fn names_its_feature(page: &Path, feature: &str) -> Result<()> {
    let shown = page.display();
    let text = fs::read_to_string(page).with_context(|| format!("there is no page {shown}"))?;
    let mark = format!("<strong>crate feature <code>{feature}</code></strong>");
    ensure!(
        text.contains(&mark),
        "{shown} does not say that it needs the feature `{feature}`"
    );
    Ok(())
}
