//! Pauses are pure functions of policy, attempt and seed, and stay within their bounds.

use std::time::Duration;

use marionette::Backoff;
use marionette::backoff::{Constant, Exponential, Jitter, Linear, Polynomial};
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

fn jitters() -> impl Strategy<Value = Jitter> {
    prop_oneof![
        proptest::strategy::Just(Jitter::None),
        proptest::strategy::Just(Jitter::Full),
        any::<f64>().prop_map(Jitter::Share),
    ]
}

fn durations() -> impl Strategy<Value = Duration> {
    (any::<u64>(), 0..1_000_000_000_u32).prop_map(|(secs, nanos)| Duration::new(secs >> 8, nanos))
}

/// Any duration, and often one at the limits of the arithmetic.
fn extremes() -> impl Strategy<Value = Duration> {
    let ends = [Duration::ZERO, Duration::from_nanos(1), Duration::MAX];
    prop_oneof![proptest::sample::select(ends.to_vec()), durations()]
}

fn multipliers() -> impl Strategy<Value = f64> {
    let ends = [0.0, -1.0, 1.0, f64::MAX, f64::INFINITY, f64::NAN];
    prop_oneof![
        proptest::sample::select(ends.to_vec()),
        0.0..10.0,
        any::<f64>()
    ]
}

/// How many attempts have failed: a few, enough for powers to overflow, or as many as can be
/// counted.
const FAILED: [u32; 7] = [1, 2, 3, 100, 1750, 2000, u32::MAX];

proptest! {
    #[test]
    fn pauses_start_at_the_first_never_shrink_and_of_none_there_stays_none(
        (base, max, multiplier) in (extremes(), extremes(), multipliers()),
        (jitter, seed) in (jitters(), any::<u64>()),
    ) {
        let exponential = Exponential::default().initial(base).multiplier(multiplier).max(max);
        let second = Duration::from_secs(1);
        let all = |jitter| -> [(Backoff, Duration); 4] {
            [
                (Constant::new(base).jitter(jitter).into(), base),
                (Linear::new(base).max(max).jitter(jitter).into(), base.min(max)),
                (exponential.jitter(jitter).into(), base.min(max)),
                (Polynomial::default().max(max).jitter(jitter).into(), max.min(second)),
            ]
        };
        for (policy, first) in all(Jitter::None) {
            let pauses = FAILED.map(|failed| policy.pause(failed, seed).expect("these never end"));
            // A floating-point number is exact to the nanosecond for a hundred days.
            if first < Duration::from_secs(100 * 86_400) || first == Duration::MAX {
                prop_assert_eq!(pauses[0], first, "{:?}", policy);
            }
            prop_assert!(pauses.is_sorted(), "{policy:?} gave {pauses:?}");
        }
        for (policy, first) in all(jitter) {
            let pauses = FAILED.map(|failed| policy.pause(failed, seed).expect("these never end"));
            if first.is_zero() {
                prop_assert_eq!(pauses, [Duration::ZERO; 7], "{:?}", policy);
            }
        }
    }

    #[test]
    fn no_pause_exceeds_its_maximum_and_the_same_seed_gives_the_same(
        (base, max, multiplier) in (durations(), durations(), any::<f64>()),
        (jitter, failed, seed) in (jitters(), any::<u32>(), any::<u64>()),
    ) {
        let exponential = Exponential::default().initial(base).multiplier(multiplier);
        let policies: [(Backoff, Duration); 4] = [
            (Constant::new(base).jitter(jitter).into(), Duration::MAX),
            (Linear::new(base).max(max).jitter(jitter).into(), max),
            (exponential.max(max).jitter(jitter).into(), max),
            (Polynomial::default().max(max).jitter(jitter).into(), max),
        ];
        for (policy, max) in policies {
            let pause = policy.pause(failed, seed).expect("these never end");
            prop_assert!(pause <= max, "{policy:?} gave {pause:?}");
            prop_assert_eq!(Some(pause), policy.pause(failed, seed));
        }
    }

    #[test]
    fn the_default_is_half_a_second_times_one_and_a_half_within_a_half(
        failed in 1..=60_u32,
        seed in any::<u64>(),
    ) {
        let exact = 0.5 * 1.5_f64.powi(i32::try_from(failed).expect("it is small") - 1);
        let capped = exact.min(60.0);
        let pause = Backoff::default().pause(failed, seed).expect("it never ends").as_secs_f64();
        prop_assert!(pause >= capped * 0.5 - 1e-6, "{pause} is below half of {capped}");
        prop_assert!(pause <= (capped * 1.5).min(60.0) + 1e-6, "{pause} is above {capped}");
    }

    #[test]
    fn full_jitter_uses_the_whole_range(seed in any::<u64>()) {
        let policy = Backoff::from(Constant::new(Duration::from_secs(10)).jitter(Jitter::Full));
        let pauses: Vec<_> = (0..64)
            .map(|nth| policy.pause(1, seed.wrapping_add(nth)).expect("it never ends"))
            .collect();
        prop_assert!(pauses.iter().any(|pause| pause.as_secs() < 3), "{pauses:?}");
        prop_assert!(pauses.iter().any(|pause| pause.as_secs() >= 7), "{pauses:?}");
    }
}

#[test]
fn the_usual_policies_give_their_series() {
    let series = |backoff: &Backoff| -> Vec<_> {
        (1..=4)
            .map(|failed| backoff.pause(failed, 0).map(|pause| pause.as_secs()))
            .collect()
    };
    let linear = Linear::new(Duration::from_secs(10))
        .max(Duration::from_secs(35))
        .into();
    assert_eq!(series(&linear), [Some(10), Some(20), Some(30), Some(35)]);
    let polynomial = Polynomial::default().jitter(Jitter::None).into();
    assert_eq!(
        series(&polynomial),
        [Some(1), Some(16), Some(81), Some(256)]
    );
    assert_eq!(series(&Backoff::none()), [Some(0); 4]);
    let twice = Backoff::from_fn(|failed| (failed <= 2).then_some(Duration::from_secs(7)));
    assert_eq!(series(&twice), [Some(7), Some(7), None, None]);
}
