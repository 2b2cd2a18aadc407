//! What a figure does not say: what each of the others does not do for it.

use std::fmt::Write;

use crate::durable::program::Program::{
    self, Apalis, ApalisRedis, BullMq, Effectum, Headgate, Raw, RawRedis, Redis, Sidekiq,
};
use crate::durable::setup::Setup;
use crate::durable::workload::DurableWorkload::{
    self, Callers, Drain, Due, Idle, Killed, Latency, Many, Million, One, ServerCallers,
    ServerDrain, ServerDue, ServerFour, ServerKilled, ServerLatency, ServerMany, ServerOne,
};
use crate::run::Table;

/// A note on a program in some tables.
struct Note(Program, &'static [DurableWorkload], &'static str);

const NOTES: &[Note] = &[
    Note(
        Raw,
        &[One, Callers, Many, Drain, Million],
        "raw SQLite is a loop on one connection: no runtime, no handlers, no leases, no job's own \
         id, one index by which what is due is found; its drain is one commit to claim and one to \
         delete",
    ),
    Note(
        Apalis,
        &[One, Callers, Many, Drain],
        "apalis-sqlite sets synchronous=OFF: what it has accepted is lost with the machine's power",
    ),
    Note(
        Apalis,
        &[Drain, Latency, Idle],
        "apalis-sqlite polls every 100 ms, 10 jobs to a fetch; tuned: every 10 ms and at inserts \
         of the same process, 100 to a fetch",
    ),
    Note(
        Apalis,
        &[Callers, Many, Drain, Million],
        "apalis-sqlite gets fewer jobs: a tenth of 64 callers and of a million, a fifth of many, a \
         twentieth to drain",
    ),
    Note(
        Apalis,
        &[Due],
        "apalis-sqlite keeps whole seconds, rounded down: a job runs up to a second early",
    ),
    Note(
        Apalis,
        &[Killed],
        "apalis-sqlite takes jobs from a dead worker after 60 s; 100 jobs at once here",
    ),
    Note(
        Effectum,
        &[One, Callers, Many, Drain],
        "effectum asks for WAL by a name that SQLite does not know, and so keeps a rollback \
         journal, with synchronous=NORMAL: the last commits may be lost with the machine's power",
    ),
    Note(
        Effectum,
        &[Callers, Drain],
        "effectum gets fewer jobs: a tenth of 64 callers, a fifth to drain; 10 at once as in its \
         README, tuned: 500",
    ),
    Note(
        Effectum,
        &[Due],
        "effectum keeps whole seconds, rounded down: a job runs up to a second early",
    ),
    Note(
        Effectum,
        &[Killed],
        "effectum counts a crash as a failed attempt (of 4 by default, as here; a job that has no \
         more is marked failed), and looks for such jobs only when a queue is opened; 100 jobs at \
         once here",
    ),
    Note(
        RawRedis,
        &[ServerOne, ServerCallers, ServerMany],
        "raw Redis is a loop on one connection: an HSET and a ZADD for the jobs of a script, four \
         of which are on their way at once unless they are awaited; nothing looks whether an id is \
         known, nobody is woken. The empty script writes nothing, so no log has to be written \
         before its answer",
    ),
    Note(
        RawRedis,
        &[ServerDrain],
        "raw Redis claims and settles in two loops, each on a connection: no handlers, no leases, \
         no tokens, no counts",
    ),
    Note(
        RawRedis,
        &[ServerLatency],
        "raw Redis is one call of an empty script; from an insert to a start there are two calls \
         and a message",
    ),
    Note(
        ApalisRedis,
        &[ServerCallers, ServerMany, ServerDrain],
        "apalis-redis gets fewer jobs: a tenth of 64 callers, a fifth of many, a twentieth to \
         drain",
    ),
    Note(
        ApalisRedis,
        &[ServerDrain, ServerLatency, ServerDue],
        "apalis-redis as its README shows it looks for jobs once it has ended others, 10 to a \
         fetch, and with its heartbeat every 30 s; tuned: every 10 ms, 100 to a fetch",
    ),
    Note(
        ApalisRedis,
        &[ServerDue],
        "apalis-redis keeps whole seconds, rounded down: a job runs up to a second early",
    ),
    Note(
        ApalisRedis,
        &[ServerKilled],
        "apalis-redis takes jobs from a dead worker after 300 s, which is not waited for",
    ),
    Note(
        Headgate,
        &[ServerCallers, ServerMany, ServerDrain],
        "headgate-redis gets fewer jobs: a tenth of 64 callers, a fifth of many, a twentieth to \
         drain",
    ),
    Note(
        Headgate,
        &[ServerDrain, ServerLatency, ServerDue],
        "headgate-redis runs 16 jobs at once as in its default, is woken by messages, looks for \
         jobs after 50 ms to 2 s, and for those that have come due every second; tuned: 1,000 at \
         once, after 1 to 50 ms, and every 50 ms",
    ),
    Note(
        Headgate,
        &[ServerKilled],
        "headgate-redis takes jobs from a dead worker after its lease, 30 s; what had ended and \
         was not acknowledged runs again then too, later than is waited for here",
    ),
    Note(
        Sidekiq,
        &[ServerOne, ServerCallers, ServerDrain],
        "rusty-sidekiq keeps nothing of a job that has ended; it gets fewer jobs: a tenth of 64 \
         callers, which share the 10 connections of its pool, and a fifth to drain; tuned: 50 \
         workers instead of one for each processor",
    ),
    Note(
        Sidekiq,
        &[ServerDue],
        "rusty-sidekiq keeps whole seconds, rounded down, and moves 10 scheduled jobs every 5 s",
    ),
    Note(
        Sidekiq,
        &[ServerKilled],
        "rusty-sidekiq takes a job out of the server before it runs it: what a worker has in hand \
         is lost with it",
    ),
    Note(
        BullMq,
        &[ServerCallers, ServerMany, ServerDrain],
        "BullMQ runs 50 jobs at once as in its guide, in one thread of Node; it gets fewer jobs: \
         a tenth of 64 callers, a fifth of many and to drain",
    ),
    Note(
        BullMq,
        &[ServerKilled],
        "BullMQ takes jobs from a dead worker when their lock has lapsed, after 30 s, at its next \
         look, every 30 s",
    ),
    Note(
        Redis,
        &[ServerFour],
        "from the sign that lets the processes begin; they share the processors with the server",
    ),
    Note(
        Redis,
        &[ServerKilled],
        "marionette takes jobs from a dead process after its lease, 15 s as it comes, at the next \
         sweep, 5 s; with a lease of 1 s, a sweep of 200 ms. What a job had done when its process \
         died, and could not say any more, it does again: done twice, with one end",
    ),
];

/// The notes on those who are in the table.
pub(super) fn text(workload: DurableWorkload, table: &Table) -> String {
    let is_there = |program: Program| {
        let rows = workload.rows().iter();
        rows.filter(|row| row.program() == program)
            .any(|row: &Setup| table.rows.iter().any(|there| there.label == row.label()))
    };
    let mut notes = String::new();
    for Note(program, workloads, text) in NOTES {
        if workloads.contains(&workload) && is_there(*program) {
            // Writing to a string does not fail.
            let _ = writeln!(notes, "  * {text}");
        }
    }
    notes
}
