//! Workers and producers are killed; the server lives.

use std::time::Duration;

use marionette_conformance::crash::{Parent, kill_producers, kill_workers, poison_is_quarantined};
use marionette_servers::{AppendOnly, RedisServer};

use crate::child::GROUND;

/// A machine that stands still for a second or two must not make a lease lapse.
const LEASE: Duration = Duration::from_secs(4);

/// A server as nearly everybody runs it, and a store on it. `None` if there is no server; the
/// output of the test says so.
fn town() -> Option<(RedisServer, Parent)> {
    let settings = RedisServer::settings().append_only(AppendOnly::EverySecond);
    let server = settings.start()?;
    let parent = Parent::new(&GROUND).at(server.url(), "crash");
    Some((server, parent.with_lease(LEASE)))
}

#[tokio::test]
async fn what_killed_workers_had_ends_once() {
    let Some((_server, parent)) = town() else {
        return;
    };
    println!("{}", kill_workers(parent, 250).await);
}

#[tokio::test]
async fn what_as_many_other_killed_workers_had_ends_once() {
    let Some((_server, parent)) = town() else {
        return;
    };
    println!("{}", kill_workers(parent, 250).await);
}

#[tokio::test]
async fn what_a_producer_was_told_is_accepted_survives_it() {
    let Some((_server, parent)) = town() else {
        return;
    };
    println!("{}", kill_producers(parent, 100).await);
}

#[tokio::test]
async fn a_job_that_kills_its_process_is_quarantined_and_the_others_flow() {
    let Some((_server, parent)) = town() else {
        return;
    };
    println!("{}", poison_is_quarantined(parent).await);
}
