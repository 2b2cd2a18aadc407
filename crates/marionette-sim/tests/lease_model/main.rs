//! The lease protocol in every interleaving: two processes, two jobs, and all faults that there
//! are.
//!
//! The model keeps to the contract in `marionette::store`, and has one step for each thing that can
//! happen: calls whose answers are lost or that arrive late, processes that die or stall, a clock
//! by which leases lapse at any moment, a sweep that may end after any job, persons who cancel and
//! retry. `stateright` visits every state that can be reached and checks the invariants in each.
//! That the invariants can fail at all is shown by variants that break one rule each.
//!
//! `MARIONETTE_MODEL=large` adds a run with more faults at once, 10 million states in two minutes.

mod broken;
mod flaw;
mod invariants;
mod protocol;
mod reduce;
mod state;
mod store;

use stateright::{Checker, Model};

use crate::flaw::Flaw;
use crate::protocol::{Names, Protocol};
use crate::state::Faults;

/// Visits every state, and prints how many there are.
fn holds(names: Names, faults: Faults) {
    let flaw = Flaw::Sound;
    let protocol = Protocol {
        faults,
        flaw,
        names,
    };
    let checker = protocol.checker().threads(2).spawn_bfs().join();
    assert!(checker.is_done(), "every state was visited");
    let states = checker.unique_state_count();
    let depth = checker.max_depth();
    println!("{states} states, at most {depth} steps deep: {faults:?}");
    // Where names are reduced, a step may call a process or a job by the other's name.
    if let Some((invariant, path)) = checker.discoveries().into_iter().next() {
        let steps = path.into_actions();
        panic!("not so with {faults:?}: {invariant}, after {steps:#?}");
    }
}

#[test]
fn it_holds_through_three_crashes_with_every_state_told_apart() {
    let faults = Faults {
        crashes: 3,
        ..Faults::NONE
    };
    holds(Names::Kept, faults);
    holds(Names::Reduced, faults);
}

#[test]
fn it_holds_through_three_crashes_a_lost_answer_and_a_request_that_comes_late() {
    holds(
        Names::Reduced,
        Faults {
            crashes: 3,
            losses: 1,
            delays: 1,
            ..Faults::NONE
        },
    );
}

#[test]
fn it_holds_through_three_crashes_a_lost_answer_and_a_process_that_stalls() {
    holds(
        Names::Reduced,
        Faults {
            crashes: 3,
            losses: 1,
            lapses: 1,
            ..Faults::NONE
        },
    );
}

#[test]
fn it_holds_through_a_crash_and_one_of_every_fault_on_the_way() {
    holds(
        Names::Reduced,
        Faults {
            crashes: 1,
            losses: 1,
            delays: 1,
            lapses: 1,
            ..Faults::NONE
        },
    );
}

#[test]
fn it_holds_with_crashes_failures_snoozes_stops_and_persons_who_meddle() {
    holds(
        Names::Reduced,
        Faults {
            crashes: 2,
            failures: 1,
            snoozes: 1,
            stops: 1,
            cancels: 1,
            revivals: 1,
            ..Faults::NONE
        },
    );
}

#[test]
fn a_job_that_kills_its_process_drags_no_other_along() {
    holds(
        Names::Reduced,
        Faults {
            losses: 1,
            snoozes: 1,
            stops: 1,
            poison: true,
            ..Faults::NONE
        },
    );
}

#[test]
fn it_holds_with_more_faults_at_once_if_that_is_asked_for() {
    if std::env::var("MARIONETTE_MODEL").is_ok_and(|size| size == "large") {
        holds(
            Names::Reduced,
            Faults {
                crashes: 3,
                losses: 1,
                delays: 1,
                lapses: 1,
                ..Faults::NONE
            },
        );
    }
}
