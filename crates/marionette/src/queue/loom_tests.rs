//! Models of the queue: loom runs each through every interleaving that matters. A lost wake-up is a
//! deadlock, which loom reports.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as Poller, Poll, Waker};

use loom::future::block_on;
use loom::thread;

use crate::clock::Tick;
use crate::queue::pace::Pace;
use crate::queue::workers::Seat;
use crate::queue::{Queue, Refused, Ticket};

/// Runs the model through all interleavings with at most three preemptions, or as many as the
/// environment says.
pub(super) fn check(name: &str, model: impl Fn() + Sync + Send + 'static) {
    check_within(3, name, model);
}

/// As `model`, with at most this many preemptions whatever the environment says: for large models.
pub(super) fn check_within(bound: usize, name: &str, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    let asked = builder.preemption_bound.unwrap_or(bound);
    builder.preemption_bound = Some(if bound < 3 { asked.min(bound) } else { asked });
    let executions = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&executions);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    println!("{name}: {} executions", executions.load(Ordering::Relaxed));
}

pub(super) type Tasks = Arc<Queue<usize>>;

/// A queue with its workers, and these tasks accepted.
pub(super) fn open(size: usize, workers: usize, tasks: std::ops::RangeInclusive<usize>) -> Opened {
    let queue = Arc::new(Queue::new(size));
    assert_eq!(queue.open(workers), workers);
    let seats = (0..workers).map(|_| queue.join()).collect();
    for task in tasks {
        assert_eq!(queue.try_push(task, Tick::default()), Ok(()));
    }
    Opened { queue, seats }
}

pub(super) struct Opened {
    queue: Tasks,
    seats: Vec<Seat<usize>>,
}

impl Opened {
    pub(super) fn one(mut self) -> (Tasks, Seat<usize>) {
        (self.queue, self.seats.remove(0))
    }

    pub(super) fn two(mut self) -> (Tasks, Seat<usize>, Seat<usize>) {
        let first = self.seats.remove(0);
        (self.queue, first, self.seats.remove(0))
    }
}

pub(super) fn claim(seat: &mut Seat<usize>) -> Option<usize> {
    claim_at(seat, Pace::Unknown)
}

pub(super) fn claim_at(seat: &mut Seat<usize>, pace: Pace) -> Option<usize> {
    block_on(poll_fn(|poller| seat.poll_claim(poller, pace, &mut ()))).map(|ready| ready.task)
}

/// Claims one task and is busy with it for ever: a worker that leaves would wake another.
fn claim_and_stay(mut seat: Seat<usize>) -> (Option<usize>, Seat<usize>) {
    (claim(&mut seat), seat)
}

/// Claims until it is time to leave.
fn claim_all(seat: &mut Seat<usize>) -> Vec<usize> {
    std::iter::from_fn(|| claim(seat)).collect()
}

pub(super) fn push(queue: &Queue<usize>, task: usize) -> Result<(), Refused> {
    let (mut task, mut ticket) = (Some(task), None);
    block_on(poll_fn(|poller| {
        queue.poll_push(&mut task, Tick::default(), &mut ticket, poller)
    }))
}

/// Offers the task and waits for room, with a waker that wakes nobody.
fn enlist(queue: &Queue<usize>, task: usize) -> Ticket {
    let (mut task, mut ticket) = (Some(task), None);
    let mut poller = Poller::from_waker(Waker::noop());
    let polled = queue.poll_push(&mut task, Tick::default(), &mut ticket, &mut poller);
    assert_eq!(polled, Poll::Pending);
    ticket.expect("who waits has a ticket")
}

fn left(queue: &Queue<usize>) -> Vec<usize> {
    queue
        .take_all()
        .into_iter()
        .map(|ready| ready.task)
        .collect()
}

fn sorted(parts: impl IntoIterator<Item = Vec<usize>>) -> Vec<usize> {
    let mut all: Vec<_> = parts.into_iter().flatten().collect();
    all.sort_unstable();
    all
}

#[test]
fn each_hand_over_wakes_the_producer_and_the_worker() {
    check("hand-over", || {
        let (queue, mut seat) = open(0, 1, 1..=1).one();
        let producer = thread::spawn(move || (2..=4).map(|task| push(&queue, task)).collect());
        for task in 1..=4 {
            assert_eq!(claim(&mut seat), Some(task));
        }
        let pushed: Vec<_> = producer.join().unwrap();
        assert_eq!(pushed, [Ok(()); 3]);
    });
}

#[test]
fn a_claim_wakes_the_producer_that_waits_for_room() {
    check("room", || {
        let (queue, mut seat) = open(1, 1, 1..=2).one();
        let producer = thread::spawn(move || [push(&queue, 3), push(&queue, 4)]);
        let claimed: Vec<_> = (1..=4).map(|_| claim(&mut seat)).collect();
        assert_eq!(claimed, [Some(1), Some(2), Some(3), Some(4)]);
        assert_eq!(producer.join().unwrap(), [Ok(()), Ok(())]);
    });
}

#[test]
fn a_start_from_a_batch_wakes_the_producer_that_waits_for_room() {
    check("room in a batch", || {
        let (queue, mut seat) = open(2, 1, 1..=3).one();
        // Two are in the batch now, and the queue is full.
        assert_eq!(claim(&mut seat), Some(1));
        let producer = thread::spawn(move || push(&queue, 4));
        // This start takes no lock of the state, unless the producer was first. The worker is busy
        // for ever after it, so this start must tell of the room.
        assert_eq!(claim(&mut seat), Some(2));
        assert_eq!(producer.join().unwrap(), Ok(()));
        assert_eq!(claim(&mut seat), Some(3));
        assert_eq!(claim(&mut seat), Some(4));
    });
}

#[test]
fn a_producer_that_gives_up_hands_its_room_on() {
    check("one of two gives up", || {
        let (queue, mut seat) = open(0, 1, 1..=1).one();
        assert_eq!(claim(&mut seat), Some(1));
        let ticket = enlist(&queue, 2);
        let gives_up = {
            let queue = Arc::clone(&queue);
            // Before its grant, or after it.
            thread::spawn(move || queue.forget(ticket))
        };
        let producer = thread::spawn(move || push(&queue, 3));
        assert_eq!(claim(&mut seat), Some(3));
        gives_up.join().unwrap();
        assert_eq!(producer.join().unwrap(), Ok(()));
    });
}

#[test]
fn a_producer_that_is_granted_and_gives_up_hands_its_room_on() {
    check("granted, and gives up", || {
        let (queue, mut seat) = open(0, 1, 1..=1).one();
        assert_eq!(claim(&mut seat), Some(1));
        let ticket = enlist(&queue, 2);
        let worker = thread::spawn(move || claim(&mut seat));
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || push(&queue, 3))
        };
        queue.forget(ticket);
        assert_eq!(worker.join().unwrap(), Some(3));
        assert_eq!(producer.join().unwrap(), Ok(()));
    });
}

#[test]
fn two_pushes_find_two_workers_that_park() {
    check("two park, two pushes", || {
        let (queue, first, second) = open(2, 2, 1..=0).two();
        let first = thread::spawn(move || claim_and_stay(first));
        let second = thread::spawn(move || claim_and_stay(second));
        assert_eq!(queue.try_push(1, Tick::default()), Ok(()));
        assert_eq!(queue.try_push(2, Tick::default()), Ok(()));
        let both = [first.join().unwrap(), second.join().unwrap()];
        let claimed = both.each_ref().map(|(task, _)| *task);
        assert_eq!(
            sorted(claimed.map(|task| task.into_iter().collect())),
            [1, 2]
        );
    });
}

#[test]
fn three_pushes_find_three_workers_that_park() {
    // More than may be woken at once: each worker wakes the next.
    check_within(2, "three park, three pushes", || {
        let Opened { queue, seats } = open(3, 3, 1..=0);
        let workers: Vec<_> = seats
            .into_iter()
            .map(|seat| thread::spawn(move || claim_and_stay(seat)))
            .collect();
        for task in 1..=3 {
            assert_eq!(queue.try_push(task, Tick::default()), Ok(()));
        }
        let claimed: Vec<_> = workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .collect();
        let claimed = claimed.iter().map(|(task, _)| *task);
        assert_eq!(
            sorted(claimed.map(|task| task.into_iter().collect())),
            [1, 2, 3]
        );
    });
}

#[test]
fn one_of_two_workers_that_park_gets_a_push() {
    check("two park, one push", || {
        let (queue, first, second) = open(1, 2, 1..=0).two();
        let workers = [first, second].map(|mut seat| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                let claimed = claim(&mut seat);
                queue.close();
                claimed
            })
        });
        assert_eq!(queue.try_push(1, Tick::default()), Ok(()));
        let claimed = workers.map(|worker| worker.join().unwrap());
        assert!(
            claimed.contains(&Some(1)) && claimed.contains(&None),
            "{claimed:?}"
        );
    });
}

#[test]
fn a_worker_that_is_woken_and_dropped_passes_the_task_on() {
    check("woken and dropped", || {
        let (queue, mut leaves, mut stays) = open(1, 2, 1..=0).two();
        let leaves = thread::spawn(move || {
            let polled = leaves.poll_claim(
                &mut Poller::from_waker(Waker::noop()),
                Pace::Unknown,
                &mut (),
            );
            drop(leaves);
            matches!(polled, Poll::Ready(Some(_)))
        });
        let pusher = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.try_push(1, Tick::default()))
        };
        let stays = thread::spawn(move || claim(&mut stays));
        assert_eq!(pusher.join().unwrap(), Ok(()));
        if leaves.join().unwrap() {
            queue.close();
            assert_eq!(stays.join().unwrap(), None);
        } else {
            assert_eq!(stays.join().unwrap(), Some(1));
        }
    });
}

#[test]
fn a_drain_runs_all_that_was_accepted_and_tells_the_producer() {
    check("drain", || {
        let (queue, mut seat) = open(0, 1, 1..=1).one();
        let worker = thread::spawn(move || claim_all(&mut seat));
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || push(&queue, 2))
        };
        queue.drain();
        block_on(poll_fn(|poller| queue.poll_quiet(poller)));
        queue.close();
        block_on(poll_fn(|poller| queue.poll_left(poller)));
        let accepted = match producer.join().unwrap() {
            Ok(()) => 2,
            Err(Refused::Stopped) => 1,
            Err(Refused::Full) => unreachable!("a producer waits for room"),
        };
        let claimed = worker.join().unwrap();
        assert_eq!(claimed, (1..=accepted).collect::<Vec<_>>());
        assert_eq!(queue.len(), 0);
        assert_eq!(queue.crew(), (0, 0));
    });
}

#[test]
fn a_close_loses_nothing() {
    check("close", || {
        let (queue, mut seat) = open(2, 1, 1..=3).one();
        assert_eq!(claim(&mut seat), Some(1));
        let worker = thread::spawn(move || claim_all(&mut seat));
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || push(&queue, 4))
        };
        queue.close();
        let accepted = producer.join().unwrap();
        let mut all = worker.join().unwrap();
        all.extend(left(&queue));
        // In order, too: unstarted tasks have gone back to the front.
        match accepted {
            Ok(()) => assert_eq!(all, [2, 3, 4]),
            Err(refused) => {
                assert_eq!(refused, Refused::Stopped);
                assert_eq!(all, [2, 3]);
            }
        }
        assert_eq!(queue.crew(), (0, 0));
    });
}

#[test]
fn a_close_and_an_open_lose_nothing() {
    check("close and open", || {
        let (queue, mut old) = open(2, 1, 1..=3).one();
        assert_eq!(claim(&mut old), Some(1));
        let old = thread::spawn(move || claim_all(&mut old));
        queue.close();
        assert_eq!(queue.open(1), 1);
        let mut new = queue.join();
        let new = thread::spawn(move || claim_all(&mut new));
        queue.drain();
        block_on(poll_fn(|poller| queue.poll_quiet(poller)));
        queue.close();
        let claimed = [old.join().unwrap(), new.join().unwrap()];
        assert_eq!(sorted(claimed), [2, 3]);
        assert_eq!(queue.crew(), (0, 0));
    });
}

#[test]
fn nothing_starts_between_pause_and_resume() {
    check("pause and resume", || {
        let (queue, mut seat) = open(2, 1, 1..=3).one();
        assert_eq!(claim(&mut seat), Some(1));
        let starts = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&starts);
        let worker = thread::spawn(move || {
            for task in 2..=3 {
                assert_eq!(claim(&mut seat), Some(task));
                counted.fetch_add(1, Ordering::SeqCst);
            }
            // The last one has ended; it parks.
            assert_eq!(claim(&mut seat), None);
        });
        queue.pause();
        block_on(poll_fn(|poller| queue.poll_still(poller)));
        let before = starts.load(Ordering::SeqCst);
        let waiting = queue.len();
        assert_eq!(before + waiting, 2);
        thread::yield_now();
        assert_eq!(queue.len(), waiting);
        assert_eq!(starts.load(Ordering::SeqCst), before);
        queue.resume();
        block_on(poll_fn(|poller| queue.poll_quiet(poller)));
        queue.close();
        worker.join().unwrap();
        assert_eq!(starts.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn a_paused_batch_stays_until_it_is_resumed() {
    check("resume", || {
        let (queue, mut seat) = open(2, 1, 1..=3).one();
        assert_eq!(claim(&mut seat), Some(1));
        queue.pause();
        let polled = seat.poll_claim(
            &mut Poller::from_waker(Waker::noop()),
            Pace::Unknown,
            &mut (),
        );
        assert!(polled.is_pending());
        assert_eq!(queue.len(), 2);
        let resumer = thread::spawn(move || queue.resume());
        assert_eq!(claim(&mut seat), Some(2));
        assert_eq!(claim(&mut seat), Some(3));
        resumer.join().unwrap();
    });
}

#[test]
fn a_drain_tells_a_producer_that_would_wait_for_ever() {
    check("drain, busy", || {
        let (queue, mut seat) = open(0, 1, 1..=1).one();
        assert_eq!(claim(&mut seat), Some(1));
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || push(&queue, 2))
        };
        queue.drain();
        assert_eq!(producer.join().unwrap(), Err(Refused::Stopped));
    });
}

#[test]
fn a_batch_is_stolen_from_and_started_from_at_once() {
    check("steal", || {
        let (queue, mut owner, mut thief) = open(6, 2, 1..=6).two();
        // Its share is a half: two more are in its batch.
        assert_eq!(claim(&mut owner), Some(1));
        // Leaves nothing to take but that batch.
        for task in 4..=6 {
            assert_eq!(claim(&mut thief), Some(task));
        }
        let count = Arc::new(AtomicUsize::new(0));
        let workers = [owner, thief].map(|mut seat| {
            let (queue, count) = (Arc::clone(&queue), Arc::clone(&count));
            thread::spawn(move || {
                let mut claimed = Vec::new();
                while let Some(task) = claim(&mut seat) {
                    claimed.push(task);
                    if count.fetch_add(1, Ordering::SeqCst) == 1 {
                        queue.close();
                    }
                }
                claimed
            })
        });
        let claimed = workers.map(|worker| worker.join().unwrap());
        assert_eq!(sorted(claimed), [2, 3]);
        assert_eq!(left(&queue), Vec::<usize>::new());
    });
}

#[test]
fn what_a_worker_gives_back_wakes_another() {
    check("give back", || {
        let (queue, mut waits, mut other) = open(4, 2, 1..=4).two();
        // One more is in its batch, and two in the queue.
        assert_eq!(claim(&mut waits), Some(1));
        let other = thread::spawn(move || (0..3).map(|_| claim(&mut other)).collect::<Vec<_>>());
        // Its own task waits for ever, so the other worker must get all.
        waits.give_back();
        let mut claimed = other.join().unwrap();
        claimed.sort_unstable();
        assert_eq!(claimed, [Some(2), Some(3), Some(4)]);
        assert_eq!(queue.len(), 0);
    });
}

#[test]
fn a_surplus_worker_leaves_and_its_batch_stays() {
    check("fewer workers", || {
        let (queue, first, second) = open(4, 2, 1..=0).two();
        let workers = [first, second].map(|mut seat| thread::spawn(move || claim_all(&mut seat)));
        assert_eq!(queue.try_push(1, Tick::default()), Ok(()));
        assert_eq!(queue.set_wanted(1), 0);
        queue.drain();
        block_on(poll_fn(|poller| queue.poll_quiet(poller)));
        queue.close();
        let claimed = workers.map(|worker| worker.join().unwrap());
        assert_eq!(sorted(claimed), [1]);
        assert_eq!(queue.crew(), (0, 0));
    });
}

#[test]
fn a_start_tells_the_due_tasks_of_room() {
    check("due", || {
        let (queue, mut seat) = open(0, 1, 1..=0).one();
        // The margin is 64, and there is a free worker.
        for task in 1..=65 {
            queue.push_accepted(task, Tick::default());
        }
        assert_eq!(claim(&mut seat), Some(1));
        let scheduler = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                block_on(poll_fn(|poller| queue.poll_due_room(poller)));
                queue.push_accepted(66, Tick::default());
            })
        };
        // The worker starts one of its batch and is busy for ever.
        assert_eq!(claim(&mut seat), Some(2));
        scheduler.join().unwrap();
        assert_eq!(queue.len(), 64);
    });
}
