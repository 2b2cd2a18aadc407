//! Runs every case as a test of its own, on a fixture of its own.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use crate::bed::Bed;
use crate::case::Case;
use crate::cases;
use crate::fixture::{Fixture, Part};
use crate::model;
use crate::options::CommonOptions;

/// What a store may leave out, in the order in which it is told.
const PARTS: [Part; 6] = [
    Part::Waking,
    Part::Activity,
    Part::Unclaimed,
    Part::Leaving,
    Part::Forgetting,
    Part::Options,
];

/// Runs all cases, or those that the arguments of the process name, each on a fixture of its own.
///
/// Returns the exit code for `main`. The arguments are the usual ones of a Rust test.
pub fn run(make: fn() -> Box<dyn Fixture>) -> ExitCode {
    let arguments = Arguments::from_args();
    let mut left_out = make().left_out();
    if !make().can_roll_back() {
        left_out.push(Part::Forgetting);
    }
    if make().open_with(&CommonOptions::default()).is_none() {
        left_out.push(Part::Options);
    }
    let mut trials = models(make);
    let mut ignored = Vec::new();
    for (topic, cases) in cases::all() {
        for case in cases {
            let part = case.part.filter(|part| left_out.contains(part));
            ignored.extend(part);
            trials.push(trial(make, topic, case).with_ignored_flag(part.is_some()));
        }
    }
    for part in PARTS.into_iter().filter(|part| left_out.contains(part)) {
        let cases = ignored.iter().filter(|one| **one == part).count();
        eprintln!("LEFT OUT: {part:?}, so {cases} cases are ignored");
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The longest trials come first, so that none of them runs alone at the end.
fn models(make: fn() -> Box<dyn Fixture>) -> Vec<Trial> {
    let mut trials = vec![Trial::test("model::random_operations_agree", move || {
        Ok(model::agree(make)?)
    })];
    if make().can_be_cut() {
        let name = "model::random_operations_agree_on_a_connection_that_is_cut";
        trials.push(Trial::test(name, move || {
            Ok(model::agree_although_cut(make)?)
        }));
    }
    trials
}

fn trial(make: fn() -> Box<dyn Fixture>, topic: &str, case: Case) -> Trial {
    Trial::test(format!("{topic}::{}", case.name), move || {
        check(make(), &case);
        Ok(())
    })
}

fn check(fixture: Box<dyn Fixture>, case: &Case) {
    let runtime = fixture.runtime();
    runtime.block_on(async {
        let bed = Bed::new(fixture.into()).await;
        (case.run)(bed).await;
    });
}
