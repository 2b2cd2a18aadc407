//! Every broken variant is found, by the invariant that it breaks, with only the faults that this
//! takes. The shortest way there is printed.

use stateright::{Checker, HasDiscoveries, Model};

use crate::flaw::Flaw;
use crate::invariants as must;
use crate::protocol::{Names, Protocol};
use crate::state::Faults;

/// Looks a step deeper each time, so that what it finds is the shortest.
fn is_found(flaw: Flaw, invariant: &'static str, faults: Faults) {
    let names = Names::Kept;
    let found = (1..STEPS_MAX).find_map(|depth| {
        let protocol = Protocol {
            faults,
            flaw,
            names,
        };
        let wanted = HasDiscoveries::AnyOf([invariant].into());
        let checker = protocol.checker().target_max_depth(depth);
        let checker = checker.finish_when(wanted).spawn_bfs().join();
        checker.discovery(invariant)
    });
    let Some(path) = found else {
        panic!("{flaw:?} does not break {invariant:?} within {STEPS_MAX} steps");
    };
    let steps = path.into_actions();
    println!(
        "{flaw:?}: not so: {invariant}, after {} steps: {steps:?}",
        steps.len()
    );
}

/// Nobody needs as many to break a rule.
const STEPS_MAX: usize = 24;
/// Crashes, and nothing else.
const CRASHES: Faults = Faults {
    crashes: 3,
    ..Faults::NONE
};
/// One answer is lost, an attempt fails and one asks to be run again.
const LOSS: Faults = Faults {
    losses: 1,
    failures: 1,
    snoozes: 1,
    ..Faults::NONE
};
/// One process stalls, and does not know it.
const STALL: Faults = Faults {
    lapses: 1,
    ..Faults::NONE
};
/// One job kills its process.
const POISON: Faults = Faults {
    poison: true,
    ..Faults::NONE
};

#[test]
fn a_settlement_that_is_not_checked_against_the_token_is_found() {
    is_found(Flaw::SettleWithoutToken, must::STALE_CHANGES_NOTHING, STALL);
    is_found(Flaw::SettleByTokenAlone, must::ONLY_FAILURES_COST, LOSS);
}

#[test]
fn a_process_that_settles_after_its_lease_was_lost_is_found() {
    is_found(Flaw::NoFence, must::STALE_CHANGES_NOTHING, STALL);
    is_found(Flaw::NoFence, must::NOT_TWICE, STALL);
}

#[test]
fn a_token_that_does_not_grow_is_found() {
    is_found(Flaw::ClaimKeepsToken, must::STALE_CHANGES_NOTHING, STALL);
    let faults = Faults {
        cancels: 1,
        revivals: 1,
        ..LOSS
    };
    is_found(
        Flaw::RevivalRestartsTokens,
        must::STALE_CHANGES_NOTHING,
        faults,
    );
}

#[test]
fn a_sweep_that_takes_jobs_from_processes_that_live_is_found() {
    is_found(Flaw::SweepTakesFromLiving, must::NO_OVERLAP, Faults::NONE);
}

#[test]
fn a_sweep_that_goes_by_the_name_of_a_process_is_found() {
    is_found(Flaw::LivenessByName, must::ENDS, CRASHES);
}

#[test]
fn a_claim_that_is_lost_for_ever_is_found() {
    is_found(Flaw::LostClaimNeverLapses, must::ENDS, LOSS);
}

#[test]
fn deaths_that_are_counted_wrongly_are_found() {
    is_found(Flaw::DeathsNotCounted, must::THREE_DEATHS, CRASHES);
    is_found(Flaw::QuarantineTooEarly, must::THREE_DEATHS, CRASHES);
    is_found(Flaw::LostClaimCountsAsDeath, must::ONLY_DEATHS_COUNT, LOSS);
}

#[test]
fn suspects_that_run_together_are_found() {
    is_found(Flaw::SuspectsTogether, must::NO_OTHER_DRAGGED_ALONG, POISON);
}

#[test]
fn a_lapsed_lease_that_is_taken_for_a_lost_claim_too_soon_is_found() {
    is_found(Flaw::LapseIsNoDeath, must::NO_OTHER_DRAGGED_ALONG, POISON);
}

#[test]
fn an_attempt_that_is_used_up_by_what_is_no_failure_is_found() {
    let faults = Faults { stops: 1, ..LOSS };
    is_found(Flaw::ReleaseIsFailure, must::ONLY_FAILURES_COST, faults);
    is_found(Flaw::SnoozeIsFailure, must::ONLY_FAILURES_COST, faults);
}

#[test]
fn an_insert_that_cannot_be_repeated_is_found() {
    is_found(Flaw::InsertIsNotIdempotent, must::NOT_TWICE, LOSS);
}

#[test]
fn a_job_that_is_accepted_before_it_is_kept_is_found() {
    let faults = Faults {
        delays: 1,
        ..Faults::NONE
    };
    is_found(Flaw::AcceptedTooEarly, must::ACCEPTED_IS_KEPT, faults);
}

#[test]
fn a_cancellation_that_is_forgotten_is_found() {
    let faults = Faults { cancels: 1, ..LOSS };
    is_found(Flaw::CancelIsForgotten, must::CANCELLED_STAYS_SO, faults);
}
