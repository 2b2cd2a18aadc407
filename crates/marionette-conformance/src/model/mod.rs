//! R1 of the test plan: random operations on a store and on a model that is too simple to be
//! wrong; every answer and everything that can be seen has to be the same after each of them.

mod compare;
mod cut;
mod drive;
mod ops;
mod reference;

use std::env;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::bed::Bed;
use crate::fixture::Fixture;
use crate::model::drive::Drive;
use crate::model::ops::{Op, ops, ops_and_cuts};

/// Compares as many random cases as the fixture, or the environment, says.
///
/// # Errors
///
/// The operations of the first difference, made as few as possible, and the seed that repeats it.
pub(crate) fn agree(make: fn() -> Box<dyn Fixture>) -> Result<(), String> {
    check(make().model_cases(), &ops(), |ops| run(make(), ops))
}

/// As [`agree`], on a connection that is cut now and then. Each time the store waits before it
/// connects again, so there are fewer cases.
///
/// # Errors
///
/// As [`agree`].
pub(crate) fn agree_although_cut(make: fn() -> Box<dyn Fixture>) -> Result<(), String> {
    let cases = make().model_cases().div_ceil(6);
    check(cases, &ops_and_cuts(), |ops| {
        let mut fixture = make();
        fixture.cuttable();
        run(fixture, ops)
    })
}

fn check(
    cases: u32,
    ops: &impl Strategy<Value = Vec<Op>>,
    run: impl Fn(Vec<Op>) -> Result<(), String>,
) -> Result<(), String> {
    let number = |name| env::var(name).ok().and_then(|text| text.parse().ok());
    let told = number("MARIONETTE_MODEL_CASES");
    let cases = told.map_or(cases, |cases: u64| u32::try_from(cases).unwrap_or(u32::MAX));
    let seed: u64 = number("MARIONETTE_SEED").unwrap_or_else(|| fastrand::u64(..));
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let result = runner.run(ops, |ops| run(ops).map_err(TestCaseError::fail));
    match result {
        Ok(()) => Ok(()),
        Err(TestError::Fail(why, ops)) => Err(explain(seed, &why.to_string(), &ops)),
        Err(TestError::Abort(why)) => Err(format!("MARIONETTE_SEED={seed}: given up: {why}")),
    }
}

fn explain(seed: u64, why: &str, ops: &[Op]) -> String {
    let ops: Vec<_> = ops.iter().map(|op| format!("    {op:?}")).collect();
    let ops = ops.join("\n");
    format!("{why}\nin\n{ops}\nrepeat with MARIONETTE_SEED={seed}")
}

fn run(fixture: Box<dyn Fixture>, ops: Vec<Op>) -> Result<(), String> {
    let runtime = fixture.runtime();
    runtime.block_on(async {
        let mut drive = Drive::new(Bed::new(fixture.into()).await).await;
        for op in ops {
            let step = drive.step(&op).await;
            step.map_err(|why| format!("{op:?}: {why}"))?;
            if matches!(op, Op::Cut(_)) {
                continue;
            }
            let same = drive.compare().await;
            same.map_err(|why| format!("after {op:?}: {why}"))?;
        }
        Ok(())
    })
}
