//! The three channels that a pool can be built on: `async-channel`, `flume`, `kanal`.

use std::future::Future;
use std::pin::Pin;

use futures_util::FutureExt;

use crate::in_process::work::{Work, by_hand};

/// The item of the channel: the future of an asynchronous closure, boxed once.
pub(crate) type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A task as it travels.
pub(crate) fn boxed<W: Work>(work: W) -> Boxed {
    if W::TRIES == 1 {
        Box::pin(work.run(1).map(drop))
    } else {
        Box::pin(by_hand(work))
    }
}

/// The end where tasks go in. A task sent to a closed channel is refused, and dropped.
pub(crate) trait Sending: Clone + Send + Sync + 'static {
    /// The other end.
    type Receiver: Receiving;

    /// Both ends of a channel for `size` tasks.
    fn bounded(size: usize) -> (Self, Self::Receiver);

    /// Waits for room.
    fn send(&self, task: Boxed) -> impl Future<Output = ()> + Send;

    /// Waits for room on a thread outside the runtime.
    fn send_blocking(&self, task: Boxed);

    /// Refuses further tasks; those in the channel still come out.
    fn close(self);
}

/// The end where tasks come out.
pub(crate) trait Receiving: Clone + Send + Sync + 'static {
    /// The next task; none when the channel is closed and empty.
    fn receive(&self) -> impl Future<Output = Option<Boxed>> + Send;
}

impl Sending for async_channel::Sender<Boxed> {
    type Receiver = async_channel::Receiver<Boxed>;

    fn bounded(size: usize) -> (Self, Self::Receiver) {
        async_channel::bounded(size)
    }

    async fn send(&self, task: Boxed) {
        let _ = self.send(task).await;
    }

    fn send_blocking(&self, task: Boxed) {
        let _ = self.send_blocking(task);
    }

    fn close(self) {
        async_channel::Sender::close(&self);
    }
}

impl Receiving for async_channel::Receiver<Boxed> {
    async fn receive(&self) -> Option<Boxed> {
        self.recv().await.ok()
    }
}

impl Sending for flume::Sender<Boxed> {
    type Receiver = flume::Receiver<Boxed>;

    fn bounded(size: usize) -> (Self, Self::Receiver) {
        flume::bounded(size)
    }

    async fn send(&self, task: Boxed) {
        let _ = self.send_async(task).await;
    }

    fn send_blocking(&self, task: Boxed) {
        let _ = self.send(task);
    }

    // It has no close: the channel ends when the last sender is dropped.
    fn close(self) {}
}

impl Receiving for flume::Receiver<Boxed> {
    async fn receive(&self) -> Option<Boxed> {
        self.recv_async().await.ok()
    }
}

impl Sending for kanal::AsyncSender<Boxed> {
    type Receiver = kanal::AsyncReceiver<Boxed>;

    fn bounded(size: usize) -> (Self, Self::Receiver) {
        kanal::bounded_async(size)
    }

    async fn send(&self, task: Boxed) {
        let _ = self.send(task).await;
    }

    fn send_blocking(&self, task: Boxed) {
        let _ = self.as_sync().send(task);
    }

    // Its own `close` drops what is in the channel: the end of the last sender does not.
    fn close(self) {}
}

impl Receiving for kanal::AsyncReceiver<Boxed> {
    async fn receive(&self) -> Option<Boxed> {
        self.recv().await.ok()
    }
}
