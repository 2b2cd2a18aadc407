//! The task that wakes callers.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::task::Poll;
use std::time::Duration;

use marionette::store::{Name, StoreError, Wanted};
use redis::Value;
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::codec::{bytes, int, list};
use crate::error::strange;
use crate::link::Push;
use crate::scripts::Script;
use crate::server::Server;
use crate::waking::{Event, Jobs, NextStep, Outlook, Waiters};

/// The most kinds and queues, multiplied, of one call of the script.
const PAIRS: usize = 128;

impl Server {
    /// Starts what goes on without being called.
    pub(crate) fn begin(self: &Rc<Self>) {
        let (pushes, events) = (self.pushes.borrow_mut().take(), self.waking.inbox());
        let Some((pushes, events)) = pushes.zip(events) else {
            return;
        };
        let waker = Waker {
            server: Rc::downgrade(self),
            clock: self.settings.clock.clone(),
            poll: self.settings.timing.poll,
            waiters: self.waking.waiters(self.settings.timing.poll),
            pushes,
            events,
        };
        tokio::task::spawn_local(waker.work());
    }
}

#[derive(Debug)]
struct Waker {
    server: Weak<Server>,
    clock: Clock,
    poll: Duration,
    waiters: Waiters,
    pushes: mpsc::UnboundedReceiver<Push>,
    events: mpsc::UnboundedReceiver<Event>,
}

impl Waker {
    async fn work(mut self) {
        loop {
            // What came meanwhile may make the next question needless.
            while let Ok(push) = self.pushes.try_recv() {
                self.waiters.heard(&push, self.clock.monotonic());
            }
            while let Ok(event) = self.events.try_recv() {
                self.waiters.happened(event, self.clock.monotonic());
            }
            let Some(server) = self.server.upgrade() else {
                return;
            };
            let step = self.waiters.next(self.clock.monotonic(), &server.prospects);
            match step {
                NextStep::Look { wanted, most, room } => {
                    let seen = self.ask(server.look(&wanted, most, room)).await;
                    let now = self.clock.monotonic();
                    match seen {
                        Ok(seen) => self.waiters.looked(&wanted, room, seen, now),
                        Err(error) => self.waiters.failed(&wanted, &error),
                    }
                }
                NextStep::HandOn(jobs) => {
                    // If that fails, it costs a poll.
                    let _ = server.hand_on(&jobs).await;
                }
                NextStep::Rest(pause) => {
                    drop(server);
                    self.rest(pause).await;
                }
            }
        }
    }

    /// Waits for an answer of the server. One that takes longer than a poll tells nobody of jobs:
    /// then all callers look for themselves, on the other connection, which may be a good one.
    async fn ask<T>(&mut self, answer: impl Future<Output = T>) -> T {
        let mut answer = pin!(answer);
        loop {
            if let Ok(answer) = tokio::time::timeout(self.poll, &mut answer).await {
                return answer;
            }
            while let Ok(event) = self.events.try_recv() {
                self.waiters.happened(event, self.clock.monotonic());
            }
            self.waiters.heard(&Push::Connected, self.clock.monotonic());
        }
    }

    /// Waits until something happens, or for this long.
    async fn rest(&mut self, pause: Option<Duration>) {
        let clock = self.clock.clone();
        let mut slept = pin!(async {
            match pause {
                Some(pause) => clock.sleep(pause).await,
                None => pending().await,
            }
        });
        poll_fn(|context| {
            let now = self.clock.monotonic();
            if let Poll::Ready(Some(push)) = self.pushes.poll_recv(context) {
                self.waiters.heard(&push, now);
                return Poll::Ready(());
            }
            if let Poll::Ready(Some(event)) = self.events.poll_recv(context) {
                self.waiters.happened(event, now);
                return Poll::Ready(());
            }
            slept.as_mut().poll(context)
        })
        .await;
    }
}

impl Server {
    /// Asks whether wanted jobs are due, and registers this process as idle for those that are not.
    async fn look(&self, wanted: &Wanted, most: usize, room: usize) -> Result<Outlook, StoreError> {
        let kinds = PAIRS.min(wanted.kinds.len()).max(1);
        let queues = (PAIRS / kinds).max(1);
        let none = wanted.queues.is_empty().then_some(&wanted.queues[..]);
        let mut all = Outlook::default();
        for kinds in wanted.kinds.chunks(kinds) {
            for queues in wanted.queues.chunks(queues).chain(none) {
                let part = Wanted::new(kinds.iter().cloned()).queues(queues.iter().cloned());
                let seen = self.look_at(&part, most, room).await?;
                all.ready = most.min(all.ready + seen.ready);
                all.next = match (all.next, seen.next) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                };
                all.has_suspects |= seen.has_suspects;
                all.now = seen.now;
            }
        }
        Ok(all)
    }

    async fn look_at(
        &self,
        wanted: &Wanted,
        most: usize,
        room: usize,
    ) -> Result<Outlook, StoreError> {
        loop {
            let groups = self.groups.wanted(wanted);
            let mut call = self.call(Script::Wait, &[]);
            call.arg(&self.process)
                .arg(self.channel())
                .arg(Self::random_process())
                .arg(room)
                .arg(most);
            for nothing in ["0", "", ""] {
                call.arg(nothing);
            }
            call.arg(groups.len()).arg(wanted.queues.len());
            for group in groups {
                call.arg(group.to_string());
            }
            for queue in wanted.queues.iter() {
                call.arg(queue.as_str());
            }
            for scope in self.scopes(wanted) {
                call.arg(scope);
            }
            let (stamp, seen) = seen(self.pulse.call(&call).await?)?;
            if self.groups.are_all(&stamp) {
                return Ok(seen);
            }
            self.learn_groups().await?;
        }
    }

    /// Under what this process is found by those who have jobs of these kinds in these queues.
    fn scopes(&self, wanted: &Wanted) -> Vec<String> {
        let process = &self.process;
        let of_kind = |kind: &Name| -> Vec<String> {
            if wanted.queues.is_empty() {
                return vec![format!("{kind}//{process}")];
            }
            let queues = wanted.queues.iter();
            queues
                .map(|queue| format!("{kind}/{queue}/{process}"))
                .collect()
        };
        wanted.kinds.iter().flat_map(of_kind).collect()
    }

    /// Tells another idle process of these jobs.
    async fn hand_on(&self, jobs: &Jobs) -> Result<(), StoreError> {
        let mut call = self.call(Script::Wait, &[]);
        call.arg(&self.process)
            .arg(self.channel())
            .arg(Self::random_process())
            .arg(0)
            .arg(0)
            .arg(jobs.count)
            .arg(&jobs.kind)
            .arg(&jobs.queue)
            .arg(0)
            .arg(0);
        self.pulse.call(&call).await.map(drop)
    }
}

/// The stamp of the groups, and what was seen.
fn seen(answer: Value) -> Result<(Vec<u8>, Outlook), StoreError> {
    let answer = list(answer)?;
    let [stamp, ready, next, now, suspects] =
        <[_; 5]>::try_from(answer).map_err(|_| strange("whether jobs are due"))?;
    let seen = Outlook {
        ready: number(ready)?.unwrap_or(0).try_into().unwrap_or(usize::MAX),
        next: number(next)?,
        now: number(now)?.unwrap_or(0),
        has_suspects: number(suspects)? == Some(1),
    };
    Ok((bytes(stamp)?, seen))
}

fn number(value: Value) -> Result<Option<u64>, StoreError> {
    let number = int(value)?;
    Ok(number.and_then(|number| u64::try_from(number).ok()))
}
