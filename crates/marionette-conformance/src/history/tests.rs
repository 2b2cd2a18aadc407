//! A good history passes, and each invariant finds what breaks it.

use std::fs;
use std::time::{Duration, SystemTime};

use marionette::inspect::{JobDetails, TimedAttempt};
use marionette::store::{JobState, Name, NewJob, PastOutcome, StoredJob};
use marionette::{MemoryStore, TaskId};

use crate::history::finals::tangled;
use crate::history::{Event, Events, Finals, History, Run};

fn run(process: u64, number: u64) -> Run {
    Run { process, number }
}

/// The history of these events, each with the process in which it happened.
fn events(events: &[(u64, Event)]) -> Events {
    let lines = events
        .iter()
        .map(|(process, event)| super::events::line(*process, event));
    Events::parse(&lines.collect::<String>())
}

fn done(jobs: &[TaskId]) -> Finals {
    let mut finals = Finals::default();
    for job in jobs {
        finals.set(*job, JobState::Done, 1);
    }
    finals
}

/// The only fault, which must name the job.
fn only_fault(events: &Events, finals: &Finals, job: TaskId) -> String {
    let faults = events.faults(finals);
    assert_eq!(faults.len(), 1, "{faults:?}");
    let fault = faults[0].to_string();
    assert!(fault.contains(&job.to_string()), "{fault}");
    fault
}

/// Accepted by one process; run by a second, which dies; run and completed by a third, which stops.
fn good(job: TaskId) -> Vec<(u64, Event)> {
    vec![
        (1, Event::AcceptBegin(job)),
        (1, Event::Accepted(job)),
        (2, Event::Limit(1)),
        (2, Event::Start(job, run(2, 0))),
        (2, Event::Effect(job, run(2, 0))),
        (3, Event::Limit(1)),
        (3, Event::Start(job, run(3, 0))),
        (0, Event::Gone(2)),
        (3, Event::Effect(job, run(3, 0))),
        (3, Event::End(job, run(3, 0))),
        (3, Event::Won(job, 2)),
        (3, Event::Won(job, 2)),
        (3, Event::Returned),
    ]
}

#[test]
fn a_good_history_passes() {
    let job = TaskId::new();
    assert_eq!(events(&good(job)).faults(&done(&[job])), []);
}

#[test]
fn an_accepted_job_that_is_gone_or_has_not_ended_is_found() {
    let job = TaskId::new();
    let events = events(&good(job));
    let fault = only_fault(&events, &Finals::default(), job);
    assert!(
        fault.starts_with("I1") && fault.contains("line 4,"),
        "{fault}"
    );
    let mut waits = Finals::default();
    waits.set(job, JobState::Running, 0);
    let fault = only_fault(&events, &waits, job);
    assert!(fault.ends_with("has not ended: it is running"), "{fault}");
}

#[test]
fn a_refused_job_that_runs_is_found() {
    let job = TaskId::new();
    let mut all = vec![
        (1, Event::Refused(job)),
        (2, Event::Start(job, run(2, 0))),
        (2, Event::End(job, run(2, 0))),
    ];
    let fault = only_fault(&events(&all), &Finals::default(), job);
    assert!(fault.starts_with("I2"), "{fault}");
    assert!(fault.contains("line 2, runs in line 4"), "{fault}");
    all.push((1, Event::Accepted(job)));
    assert_eq!(events(&all).faults(&done(&[job])), [], "it was tried again");
}

#[test]
fn a_job_that_is_completed_twice_is_found() {
    let job = TaskId::new();
    let mut all = good(job);
    all[10] = (3, Event::Won(job, 1));
    let fault = only_fault(&events(&all), &done(&[job]), job);
    assert!(fault.starts_with("I3"), "{fault}");
    let mut finals = Finals::default();
    finals.set(job, JobState::Done, 2);
    let fault = only_fault(&events(&good(job)), &finals, job);
    assert!(fault.starts_with("I3"), "{fault}");
}

#[test]
fn attempts_that_overlap_without_a_reason_are_found() {
    let job = TaskId::new();
    let mut all = vec![
        (1, Event::Accepted(job)),
        (2, Event::Start(job, run(2, 0))),
        (3, Event::Start(job, run(3, 0))),
        (2, Event::End(job, run(2, 0))),
        (3, Event::End(job, run(3, 0))),
    ];
    let fault = only_fault(&events(&all), &done(&[job]), job);
    assert!(fault.starts_with("I4"), "{fault}");
    assert!(
        fault.contains("line 4 (2.0)") && fault.contains("line 6 (3.0)"),
        "{fault}"
    );
    all.insert(2, (0, Event::Taken(job)));
    assert_eq!(
        events(&all).faults(&done(&[job])),
        [],
        "its lease had lapsed"
    );
}

#[test]
fn a_process_that_dies_overlaps_until_its_last_line() {
    let job = TaskId::new();
    let all = [
        (1, Event::Accepted(job)),
        (2, Event::Start(job, run(2, 0))),
        (3, Event::Start(job, run(3, 0))),
        (2, Event::Effect(job, run(2, 0))),
        (0, Event::Gone(2)),
    ];
    let fault = only_fault(&events(&all), &done(&[job]), job);
    assert!(fault.starts_with("I4"), "it was still alive: {fault}");
}

#[test]
fn more_attempts_at_once_than_the_limit_are_found() {
    let [one, two] = [TaskId::new(), TaskId::new()];
    let mut all = vec![
        (2, Event::Limit(1)),
        (2, Event::Start(one, run(2, 0))),
        (2, Event::Start(two, run(2, 1))),
    ];
    let fault = only_fault(&events(&all), &Finals::default(), two);
    assert!(
        fault.starts_with("I5") && fault.contains("[4, 6]"),
        "{fault}"
    );
    all.insert(2, (2, Event::End(one, run(2, 0))));
    assert_eq!(events(&all).faults(&Finals::default()), []);
}

#[test]
fn what_happens_after_a_stop_has_returned_is_found() {
    let job = TaskId::new();
    let mut all = good(job);
    all.push((3, Event::Effect(job, run(3, 0))));
    let fault = only_fault(&events(&all), &done(&[job]), job);
    assert!(
        fault.starts_with("I7") && fault.contains("in line 28"),
        "{fault}"
    );
    let length = all.len();
    all.insert(length - 1, (3, Event::Limit(1)));
    assert_eq!(
        events(&all).faults(&done(&[job])),
        [],
        "it was started again"
    );
}

#[test]
fn a_torn_line_spoils_no_other() {
    let job = TaskId::new();
    let whole = super::events::line(7, &Event::Limit(12));
    for end in 1..whole.len() - 1 {
        let next = super::events::line(1, &Event::Accepted(job));
        let events = Events::parse(&format!("{}{next}", &whole[..end]));
        assert_eq!(events.accepted(), [job]);
        assert_eq!(events.lines.len(), 1, "{:?}", &whole[..end]);
        assert_eq!(events.torn, usize::from(end > 1));
    }
}

#[tokio::test]
async fn what_is_written_is_read() {
    let path = std::env::temp_dir().join(format!("marionette-history-{}", TaskId::new()));
    let history = History::append_to(&path, 1).expect("the folder is writable");
    let job = TaskId::new();
    let all = good(job);
    for (_, event) in &all {
        history.write(event);
    }
    let attempt = history.start(job);
    attempt.effect();
    drop(attempt);
    let read = Events::read(&path).expect("it was written");
    let mut written: Vec<Event> = all.iter().map(|(_, event)| *event).collect();
    written.extend([
        Event::Start(job, run(1, 0)),
        Event::Effect(job, run(1, 0)),
        Event::End(job, run(1, 0)),
    ]);
    let events: Vec<Event> = read.lines.iter().map(|line| line.event).collect();
    assert_eq!(events, written);
    let finals = Finals::of(&read, &MemoryStore::new()).await;
    assert_eq!(finals.expect("it answers").jobs.len(), 0);
    fs::remove_file(&path).expect("it is there");
}

#[test]
fn a_job_that_starts_before_it_is_due_breaks_i8() {
    let job = TaskId::new();
    let mut all = good(job);
    all.insert(4, (2, Event::Early(job, run(2, 0))));
    let fault = only_fault(&events(&all), &done(&[job]), job);
    assert!(fault.starts_with("I8"), "{fault}");
}

/// A job that was done at its first attempt, which took ten seconds, and one more attempt that
/// began after this many seconds.
fn with_another_attempt(outcome: PastOutcome, begun: u64) -> JobDetails {
    let at = |secs| SystemTime::UNIX_EPOCH + Duration::from_secs(secs);
    let stored = NewJob::new(Name::from_static("mail"), Vec::new());
    let mut details = StoredJob::new(stored, at(0)).shown(at(0));
    details.summary.state = JobState::Done;
    details.attempts = vec![
        TimedAttempt::new(1, outcome, at(0), at(10)),
        TimedAttempt::new(1, PastOutcome::Done, at(begun), at(30)),
    ];
    details
}

#[test]
fn attempts_follow_each_other_and_none_comes_after_the_success() {
    let of = |outcome, begun| tangled(&with_another_attempt(outcome, begun));
    assert_eq!(of(PastOutcome::Crashed, 10), None);
    let overlap = of(PastOutcome::Crashed, 9).expect("they overlap");
    assert!(overlap.starts_with("attempts that overlap"), "{overlap}");
    let second = of(PastOutcome::Done, 10).expect("it was done before");
    assert!(
        second.starts_with("an attempt after it was done"),
        "{second}"
    );
}
