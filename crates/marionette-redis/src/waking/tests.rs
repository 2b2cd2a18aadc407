//! Tests of waiting, without a server.

use marionette::store::Name;

use super::*;
use crate::clock::Clock;
use crate::link::Push;
use crate::prospects::Prospects;

const POLL: Duration = Duration::from_secs(1);

fn wanted(kind: &'static str) -> Wanted {
    Wanted::new([Name::from_static(kind)])
}

/// Callers that wait, a clock that a test moves, and the outcomes of claims.
struct Bed {
    waking: Waking,
    waiters: Waiters,
    began: Instant,
    clock: Clock,
    prospects: Prospects,
}

type Reply = oneshot::Receiver<Result<Woken, StoreError>>;

impl Bed {
    fn new() -> Self {
        let waking = Waking::default();
        let clock = Clock::still();
        Self {
            waiters: waking.waiters(POLL),
            waking,
            began: clock.monotonic(),
            prospects: Prospects::new(clock.clone()),
            clock,
        }
    }

    fn now(&self) -> Instant {
        self.clock.monotonic()
    }

    fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    fn waits(&mut self, kind: &'static str, is_patient: bool) -> Reply {
        let (reply, woken) = oneshot::channel();
        let waiter = Waiter {
            since: self.now(),
            is_patient,
            reply,
        };
        let event = Event::Waits(wanted(kind), waiter);
        let now = self.now();
        self.waiters.happened(event, now);
        woken
    }

    fn hears(&mut self, message: &str) {
        let push = Push::Message(message.as_bytes().to_vec());
        let now = self.now();
        self.waiters.heard(&push, now);
    }

    fn next(&mut self) -> NextStep {
        let now = self.now();
        self.waiters.next(now, &self.prospects)
    }

    /// Lets the server answer all questions: this number of jobs is due, the next in this time.
    fn looks(&mut self, ready: usize, next: Option<Duration>) -> usize {
        for questions in 0..100 {
            let NextStep::Look { wanted, room, .. } = self.next() else {
                return questions;
            };
            let now = 1_000_000 + self.passed();
            let seen = Outlook {
                ready,
                next: next.map(|next| now + u64::try_from(next.as_micros()).unwrap()),
                now,
                has_suspects: false,
            };
            let here = self.now();
            self.waiters.looked(&wanted, room, seen, here);
        }
        panic!("it asks without end")
    }

    fn passed(&self) -> u64 {
        u64::try_from((self.now() - self.began).as_micros()).unwrap()
    }
}

fn is_woken(reply: &mut Reply) -> bool {
    match reply.try_recv() {
        Ok(woken) => {
            woken.expect("no error").accept();
            true
        }
        Err(oneshot::error::TryRecvError::Empty) => false,
        Err(error) => panic!("{error}"),
    }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn the_server_is_asked_once_for_all_who_want_the_same_and_again_after_a_poll() {
    let mut bed = Bed::new();
    let mut all: Vec<_> = (0..100).map(|_| bed.waits("mail", true)).collect();
    let NextStep::Look { most, room, .. } = bed.next() else {
        panic!("it is not known whether a job is due")
    };
    assert_eq!((most, room), (100, 100));
    assert_eq!(bed.looks(0, None), 1);
    assert_eq!(bed.next(), NextStep::Rest(Some(POLL)));
    bed.pass(POLL);
    assert_eq!(bed.looks(0, None), 1);
    assert!(!all.iter_mut().any(is_woken));
    // One who comes later is no reason to ask, unless there are more than ever.
    drop(all.pop());
    let _other = bed.waits("mail", true);
    assert_eq!(bed.looks(0, None), 0);
    let _one_more = bed.waits("mail", true);
    assert_eq!(bed.looks(0, None), 1);
}

#[test]
fn a_message_wakes_as_many_as_it_has_jobs_and_the_rest_is_handed_on() {
    let mut bed = Bed::new();
    let (mut first, mut other) = (bed.waits("mail", true), bed.waits("sms", true));
    let mut second = bed.waits("mail", true);
    bed.looks(0, None);
    bed.hears("j 1 mail default");
    assert!(is_woken(&mut first) && !is_woken(&mut second));
    bed.hears("j 3 mail default");
    assert!(is_woken(&mut second) && !is_woken(&mut other));
    let left = Jobs {
        count: 2,
        kind: "mail".to_owned(),
        queue: "default".to_owned(),
    };
    assert_eq!(bed.next(), NextStep::HandOn(left));
    // The process counts as idle no longer.
    assert_eq!(bed.looks(0, None), 1);
}

#[test]
fn a_wake_up_that_nobody_takes_is_given_to_another() {
    let mut bed = Bed::new();
    let mut events = bed.waking.inbox().expect("nobody has it");
    let (gone, woken) = (bed.waits("mail", true), bed.waits("mail", true));
    let mut last = bed.waits("mail", true);
    bed.looks(0, None);
    drop(gone);
    bed.hears("j 1 mail default");
    drop(woken);
    assert!(!is_woken(&mut last));
    let unused = events.try_recv().expect("it comes back");
    let now = bed.now();
    bed.waiters.happened(unused, now);
    assert!(is_woken(&mut last));
    assert!(events.try_recv().is_err(), "it is used");
}

#[test]
fn a_process_that_handed_jobs_on_registers_anew() {
    let mut bed = Bed::new();
    let _waits = bed.waits("mail", true);
    bed.looks(0, None);
    let unused = Jobs {
        count: 1,
        kind: "sms".to_owned(),
        queue: "default".to_owned(),
    };
    let now = bed.now();
    bed.waiters.happened(Event::Unused(unused.clone()), now);
    assert_eq!(bed.next(), NextStep::HandOn(unused));
    assert_eq!(bed.looks(0, None), 1);
}

#[test]
fn a_timer_wakes_one_when_the_next_job_is_due_and_not_before() {
    let mut bed = Bed::new();
    let (mut first, mut second) = (bed.waits("mail", true), bed.waits("mail", true));
    bed.looks(0, Some(millis(300)));
    assert_eq!(bed.next(), NextStep::Rest(Some(millis(300))));
    bed.pass(millis(299));
    bed.next();
    assert!(!is_woken(&mut first));
    bed.pass(millis(1));
    bed.next();
    assert!(is_woken(&mut first) && !is_woken(&mut second));
}

#[test]
fn a_job_that_is_announced_is_due_before_those_that_were_known() {
    let mut bed = Bed::new();
    let (mut mail, mut sms) = (bed.waits("mail", true), bed.waits("sms", true));
    bed.looks(0, Some(millis(300)));
    let due = 1_000_000 + bed.passed() + 100_000;
    bed.hears(&format!("t {due} mail default"));
    assert_eq!(bed.next(), NextStep::Rest(Some(millis(100))));
    bed.pass(millis(100));
    bed.next();
    assert!(is_woken(&mut mail) && !is_woken(&mut sms));
}

#[test]
fn a_timer_that_found_nothing_is_later_the_next_time_until_one_finds_something() {
    let mut bed = Bed::new();
    let mut lateness = Vec::new();
    let mut woken = bed.waits("mail", true);
    bed.looks(0, Some(millis(20)));
    let mut due = bed.now() + millis(20);
    for took in [true, false, false, false, true, true] {
        while !is_woken(&mut woken) {
            assert!(bed.now() < due + POLL, "it is never woken");
            match bed.next() {
                NextStep::Rest(Some(pause)) => bed.pass(pause),
                _ => drop(bed.looks(0, Some(due.saturating_duration_since(bed.now())))),
            }
        }
        lateness.push((bed.now() - due).as_millis());
        // It claims, and hears of the next job.
        bed.pass(millis(1));
        let next = Some(millis(20));
        bed.prospects.note(&wanted("mail"), took, false, next);
        due = bed.now() + millis(20);
        woken = bed.waits("mail", true);
    }
    assert_eq!(lateness, [0, 0, 2, 4, 8, 0]);
}

#[test]
fn the_server_is_not_asked_again_before_a_late_timer_fires() {
    let mut bed = Bed::new();
    // Others take the jobs before this process does, again and again.
    let mut questions = Vec::new();
    for _ in 0..7 {
        let mut woken = bed.waits("mail", true);
        let mut asked = 0;
        while !is_woken(&mut woken) {
            asked += bed.looks(1, None);
            if let NextStep::Rest(Some(pause)) = bed.next() {
                bed.pass(pause);
            }
        }
        questions.push(asked);
        bed.pass(millis(1));
        bed.prospects.note(&wanted("mail"), false, false, None);
    }
    assert_eq!(questions, [1; 7]);
}

#[test]
fn a_hasty_caller_waits_for_a_poll_at_most() {
    let mut bed = Bed::new();
    let mut hasty = bed.waits("mail", false);
    bed.looks(0, None);
    bed.pass(millis(999));
    bed.next();
    assert!(!is_woken(&mut hasty));
    bed.pass(millis(1));
    bed.next();
    assert!(is_woken(&mut hasty));
}

#[test]
fn everybody_is_woken_once_when_messages_may_have_been_lost() {
    let mut bed = Bed::new();
    let mut all = [bed.waits("mail", true), bed.waits("sms", true)];
    bed.looks(0, None);
    let now = bed.now();
    bed.waiters.heard(&Push::Connected, now);
    assert!(all.iter_mut().all(is_woken));
    let _again = bed.waits("mail", true);
    assert_eq!(bed.looks(0, None), 1);
}
