//! Gives random bytes to everything that reads bytes, for as long as the caller likes. The tests do
//! the same for a moment, and always with the same bytes.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use crate::args::Args;
use crate::shell;

/// Where the targets are: a package, and a filter for its tests.
const PLACES: [(&str, &str); 1] = [("marionette-cli", "--lib")];

/// How long each target runs by default.
const SECONDS: u64 = 60;

pub(crate) fn main(mut args: Args) -> Result<()> {
    let number = |text: Option<String>, name: &str| {
        let number = text.map(|text| text.parse::<u64>());
        number
            .transpose()
            .with_context(|| format!("{name} takes a number"))
    };
    let seconds = number(args.value("--seconds")?, "--seconds")?.unwrap_or(SECONDS);
    let seed = number(args.value("--seed")?, "--seed")?.unwrap_or_else(fresh);
    let target = args.word().unwrap_or_default();
    args.finish()?;
    println!("the seed is {seed}; a failure names the one that repeats it, for --seed");
    let mut found = 0;
    for (package, tests) in PLACES {
        let words = format!("test --locked --all-features --package {package} {tests}");
        let mut list = shell::cargo(&format!("{words} -- --list"));
        let all = shell::output(&mut list)?;
        let targets = all.lines().filter_map(|line| line.strip_suffix(": test"));
        let is_wanted = |name: &&str| is_target(name) && name.contains(&target);
        for name in targets.filter(is_wanted) {
            found += 1;
            let mut command = shell::cargo(&format!("{words} -- --exact --nocapture {name}"));
            command
                .env("MARIONETTE_FUZZ_SECONDS", seconds.to_string())
                .env("MARIONETTE_FUZZ_SEED", seed.to_string());
            shell::run_tests(&mut command)?;
        }
    }
    ensure!(found > 0, "there is no target with `{target}` in its name");
    println!("{found} targets, nothing found");
    Ok(())
}

/// Whether a test is one that takes any bytes.
fn is_target(name: &str) -> bool {
    name.contains("fuzz::") && name.contains("::any_")
}

/// A different seed each time.
#[expect(
    clippy::disallowed_methods,
    reason = "the rule protects the library's tests, not tools"
)]
fn fresh() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    // One run uses up consecutive seeds.
    since.as_secs() << 20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_helps_to_fuzz_is_no_target() {
        assert!(is_target(
            "fuzz::texts::any_text_is_shown_in_plain_characters"
        ));
        assert!(is_target(
            "minder::fuzz::any_bytes_are_a_message_or_refused"
        ));
        assert!(!is_target("fuzz::mutate::a_seed_makes_the_same_input"));
        assert!(!is_target("time::read::tests::any_year"));
    }
}
