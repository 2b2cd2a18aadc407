//! The batches, without a server.

use std::rc::Rc;

use marionette::store::StoreErrorKind;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, LocalSet, spawn_local, yield_now};

use super::*;

/// A load with a number, which is its answer; its jobs, bytes and kind.
#[derive(Clone, Debug)]
struct Asked {
    number: usize,
    ids: Vec<TaskId>,
    bytes: usize,
    kind: u8,
}

impl Load for Asked {
    type Answer = usize;

    fn size(&self) -> (usize, usize) {
        (self.ids.len(), self.bytes)
    }

    fn ids(&self) -> impl Iterator<Item = TaskId> {
        self.ids.iter().copied()
    }

    fn goes_with(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

fn asked(number: usize, jobs: usize) -> Asked {
    Asked {
        number,
        ids: (0..jobs).map(|_| TaskId::new()).collect(),
        bytes: 0,
        kind: 0,
    }
}

/// A server that answers when it is told to.
#[derive(Debug, Default)]
struct Rig {
    batches: Batches<Asked>,
    /// The numbers of the loads of each call.
    calls: RefCell<Vec<Vec<usize>>>,
    gates: RefCell<Vec<oneshot::Sender<()>>>,
    /// A call with this load is refused.
    refused: Cell<Option<usize>>,
}

impl Rig {
    fn ask(self: &Rc<Self>, load: Asked) -> JoinHandle<Result<usize, StoreError>> {
        let rig = Rc::clone(self);
        spawn_local(async move {
            let start = || drop(spawn_local(Rc::clone(&rig).drive()));
            let (caller, answer) = oneshot::channel();
            rig.batches.add(load, caller, start);
            answer.await.expect("it is answered")
        })
    }

    async fn drive(self: Rc<Self>) {
        let send = async |loads: &[&Asked]| {
            let numbers: Vec<_> = loads.iter().map(|load| load.number).collect();
            let is_refused = self.refused.get().is_some_and(|it| numbers.contains(&it));
            self.calls.borrow_mut().push(numbers.clone());
            let (gate, opened) = oneshot::channel();
            self.gates.borrow_mut().push(gate);
            let _ = opened.await;
            if is_refused {
                Err(StoreError::refused("one of them"))
            } else {
                Ok(numbers)
            }
        };
        self.batches.drive(send).await;
    }

    async fn settle() {
        for _ in 0..100 {
            yield_now().await;
        }
    }

    /// Answers the oldest call.
    async fn answer(&self) {
        let gate = self.gates.borrow_mut().remove(0);
        gate.send(()).expect("somebody waits");
        Self::settle().await;
    }

    fn calls(&self) -> Vec<Vec<usize>> {
        self.calls.borrow().clone()
    }
}

fn with(test: impl AsyncFnOnce(Rc<Rig>)) {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, test(Rc::default()));
}

#[test]
fn a_lone_load_is_sent_at_once_and_what_comes_together_goes_together() {
    with(async |rig| {
        let ask = |numbers: std::ops::Range<usize>| {
            let asked = numbers.map(|number| rig.ask(asked(number, 1)));
            asked.collect::<Vec<_>>()
        };
        let mut all = ask(0..1);
        Rig::settle().await;
        assert_eq!(rig.calls(), [vec![0]]);
        all.extend(ask(1..4));
        Rig::settle().await;
        assert_eq!(rig.calls(), [vec![0], vec![1, 2, 3]]);
        all.extend(ask(4..6));
        Rig::settle().await;
        assert_eq!(rig.calls().len(), 2, "two are in flight");
        rig.answer().await;
        assert_eq!(rig.calls().len(), 2, "three jobs are in flight, two wait");
        all.extend(ask(6..7));
        Rig::settle().await;
        assert_eq!(rig.calls()[2..], [vec![4, 5, 6]]);
        rig.answer().await;
        rig.answer().await;
        for (index, one) in all.into_iter().enumerate() {
            assert_eq!(one.await.expect("it ends").expect("an answer"), index);
        }
    });
}

#[test]
fn a_whole_batch_need_not_wait_and_a_third_one_does() {
    with(async |rig| {
        let _asked: Vec<_> = (0..5).map(|number| rig.ask(asked(number, 300))).collect();
        Rig::settle().await;
        assert_eq!(
            rig.calls(),
            [vec![0]],
            "two do not fit, and the first was alone"
        );
        let _more = rig.ask(asked(5, 300));
        Rig::settle().await;
        assert_eq!(rig.calls(), [vec![0], vec![1]]);
        let _more = rig.ask(asked(6, 10));
        Rig::settle().await;
        assert_eq!(rig.calls().len(), 2, "two are in flight");
        rig.answer().await;
        assert_eq!(rig.calls()[2..], [vec![2, 6]], "what fits goes along");
    });
}

#[test]
fn a_batch_has_no_more_than_its_bytes() {
    with(async |rig| {
        let _first = rig.ask(asked(0, 1));
        Rig::settle().await;
        for number in 1..4 {
            let load = Asked {
                bytes: BYTES_MAX / 2,
                ..asked(number, 1)
            };
            drop(rig.ask(load));
        }
        Rig::settle().await;
        assert_eq!(rig.calls(), [vec![0], vec![1, 2]]);
    });
}

#[test]
fn a_batch_has_no_id_twice_and_only_what_goes_together() {
    with(async |rig| {
        let _first = rig.ask(asked(0, 1));
        Rig::settle().await;
        let load = asked(1, 2);
        let twin = Asked {
            number: 2,
            ..load.clone()
        };
        let other = Asked {
            kind: 1,
            ..asked(3, 1)
        };
        let _asked = [load, twin, other, asked(4, 1)].map(|load| rig.ask(load));
        for _ in 0..4 {
            Rig::settle().await;
            rig.answer().await;
        }
        assert_eq!(rig.calls(), [vec![0], vec![1, 4], vec![2], vec![3]]);
    });
}

#[test]
fn a_caller_that_is_gone_before_its_load_was_sent_is_skipped() {
    with(async |rig| {
        let _first = rig.ask(asked(0, 8));
        Rig::settle().await;
        let [_, gone, _] = [1, 2, 3].map(|number| rig.ask(asked(number, 1)));
        Rig::settle().await;
        gone.abort();
        Rig::settle().await;
        rig.answer().await;
        assert_eq!(rig.calls(), [vec![0], vec![1, 3]]);
    });
}

#[test]
fn an_error_about_one_load_fails_no_other() {
    with(async |rig| {
        rig.refused.set(Some(2));
        let _first = rig.ask(asked(0, 1));
        Rig::settle().await;
        let all = [1, 2, 3].map(|number| rig.ask(asked(number, 1)));
        for _ in 0..5 {
            Rig::settle().await;
            rig.answer().await;
        }
        let mut answers = Vec::new();
        for one in all {
            let answer = one.await.expect("it ends");
            answers.push(answer.map_err(|error| error.kind()));
        }
        let refused = Err(StoreErrorKind::Refused);
        assert_eq!(answers, [Ok(1), refused, Ok(3)]);
        assert_eq!(rig.batches.in_flight.get(), InFlight::default());
    });
}
