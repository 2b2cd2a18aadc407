//! Models of the queue at a quick pace, where wake-ups are fewer and none that counts is lost.

use std::sync::Arc;
use std::task::{Context as Poller, Poll, Waker};

use loom::thread;

use crate::clock::Tick;
use crate::queue::loom_tests::{check, check_within, claim, claim_at, open, push};
use crate::queue::pace::Pace;
use crate::queue::workers::Seat;
use crate::queue::{Queue, Refused, Ticket};

#[test]
fn a_quick_worker_lets_every_waiting_producer_in() {
    check_within(2, "quick, two producers", || {
        let (queue, mut seat) = open(1, 1, 1..=2).one();
        let producers = [3, 4].map(|task| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || push(&queue, task))
        });
        let mut claimed: Vec<_> = (1..=4).map(|_| claim_at(&mut seat, Pace::Quick)).collect();
        claimed.sort_unstable();
        assert_eq!(claimed, [Some(1), Some(2), Some(3), Some(4)]);
        for producer in producers {
            assert_eq!(producer.join().unwrap(), Ok(()));
        }
    });
}

#[test]
fn producers_that_follow_themselves_shut_nobody_out() {
    check_within(2, "quick, followed", || {
        let (queue, mut seat) = open(2, 1, 1..=2).one();
        let producers = [3, 5].map(|task| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || [push(&queue, task), push(&queue, task + 1)])
        });
        let mut claimed: Vec<_> = (1..=6).map(|_| claim_at(&mut seat, Pace::Quick)).collect();
        claimed.sort_unstable();
        assert_eq!(claimed, [1, 2, 3, 4, 5, 6].map(Some));
        for producer in producers {
            assert_eq!(producer.join().unwrap(), [Ok(()); 2]);
        }
    });
}

/// Two producers that wait, and a worker that has parked.
fn two_wait(queue: &Queue<usize>, seat: &mut Seat<usize>) -> [(Option<usize>, Option<Ticket>); 2] {
    assert_eq!(claim_at(seat, Pace::Quick), Some(1));
    let mut producers = [4, 5].map(|task| (Some(task), None));
    let offered = producers.each_mut().map(|producer| offer(queue, producer));
    assert_eq!(offered, [Poll::Pending, Poll::Pending]);
    // The rest of the batch, and then there is nothing left to do.
    assert_eq!(claim_at(seat, Pace::Quick), Some(2));
    assert_eq!(claim_at(seat, Pace::Quick), Some(3));
    let polled = seat.poll_claim(&mut Poller::from_waker(Waker::noop()), Pace::Quick, &mut ());
    assert!(polled.is_pending());
    producers
}

fn offer(
    queue: &Queue<usize>,
    (task, ticket): &mut (Option<usize>, Option<Ticket>),
) -> Poll<Result<(), Refused>> {
    let mut poller = Poller::from_waker(Waker::noop());
    queue.poll_push(task, Tick::default(), ticket, &mut poller)
}

#[test]
fn a_worker_that_a_producer_woke_passes_the_rest_of_the_room_on() {
    check("quick, passed on", || {
        let (queue, mut seat) = open(2, 1, 1..=3).one();
        let [mut first, mut second] = two_wait(&queue, &mut seat);
        // One at a time.
        assert_eq!(offer(&queue, &mut second), Poll::Pending);
        assert_eq!(offer(&queue, &mut first), Poll::Ready(Ok(())));
        assert_eq!(offer(&queue, &mut second), Poll::Pending);
        assert_eq!(claim_at(&mut seat, Pace::Quick), Some(4));
        assert_eq!(offer(&queue, &mut second), Poll::Ready(Ok(())));
    });
}

#[test]
fn a_producer_that_wakes_no_worker_passes_the_rest_of_the_room_on() {
    check("quick, and all are busy", || {
        let (queue, mut seat) = open(2, 1, 1..=3).one();
        let [mut first, mut second] = two_wait(&queue, &mut seat);
        // The worker is busy when the producer comes, and for ever.
        queue.push_accepted(6, Tick::default());
        assert_eq!(claim_at(&mut seat, Pace::Quick), Some(6));
        assert_eq!(offer(&queue, &mut first), Poll::Ready(Ok(())));
        assert_eq!(offer(&queue, &mut second), Poll::Ready(Ok(())));
    });
}

#[test]
fn a_worker_that_is_not_quick_any_more_wakes_another_for_its_batch() {
    check("quick no more", || {
        let (queue, mut first, mut second) = open(2, 2, 1..=0).two();
        let helper = thread::spawn(move || (claim(&mut second), second));
        // It parks at a quick pace, so the tasks that come wake one worker and not both.
        let polled = first.poll_claim(&mut Poller::from_waker(Waker::noop()), Pace::Quick, &mut ());
        assert!(polled.is_pending());
        for task in 1..=3 {
            assert_eq!(push(&queue, task), Ok(()));
        }
        // Whatever the helper got of it, the last is not left to a worker that takes long.
        let mut claimed = vec![claim_at(&mut first, Pace::Quick)];
        claimed.push(claim(&mut first));
        let (helped, _second) = helper.join().unwrap();
        claimed.push(helped);
        claimed.sort_unstable();
        assert_eq!(claimed, [Some(1), Some(2), Some(3)]);
    });
}

#[test]
fn a_quick_worker_whose_task_has_to_wait_wakes_another_for_its_batch() {
    check("quick, and waits", || {
        let (queue, mut first, mut second) = open(2, 2, 1..=0).two();
        let helper = thread::spawn(move || (claim(&mut second), second));
        let polled = first.poll_claim(&mut Poller::from_waker(Waker::noop()), Pace::Quick, &mut ());
        assert!(polled.is_pending());
        for task in 1..=2 {
            assert_eq!(push(&queue, task), Ok(()));
        }
        let claimed = claim_at(&mut first, Pace::Quick);
        first.give_back();
        let (helped, _second) = helper.join().unwrap();
        assert_eq!(claimed.xor(helped), None);
        assert_eq!(claimed.max(helped), Some(2));
    });
}
