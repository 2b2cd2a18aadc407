//! What a service shares: clients behind `dyn`, callbacks, futures and errors in boxes.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use marionette::{Context, Task, TaskError};

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub(crate) trait Mailer: Send + Sync {
    fn send(&self) -> u8;
    fn send_later(&self) -> BoxFuture<'_, u8>;
}

pub(crate) struct Smtp;

impl Mailer for Smtp {
    fn send(&self) -> u8 {
        250
    }

    fn send_later(&self) -> BoxFuture<'_, u8> {
        Box::pin(async {
            tokio::task::yield_now().await;
            self.send()
        })
    }
}

/// Something that a task captures and uses.
pub(crate) trait Captured: Clone + Send + Sync + 'static {
    fn make() -> Self;
    fn answer(&self) -> u8;
}

impl Captured for Arc<dyn Mailer> {
    fn make() -> Self {
        Arc::new(Smtp)
    }

    fn answer(&self) -> u8 {
        self.send()
    }
}

impl Captured for Arc<dyn Fn() -> u8 + Send + Sync> {
    fn make() -> Self {
        Arc::new(|| 250)
    }

    fn answer(&self) -> u8 {
        self()
    }
}

/// A callback over a reference, which gives a future.
impl Captured for Arc<dyn for<'a> Fn(&'a str) -> BoxFuture<'a, usize> + Send + Sync> {
    fn make() -> Self {
        Arc::new(|text| Box::pin(async move { text.len() }))
    }

    fn answer(&self) -> u8 {
        drop(self("a mail"));
        250
    }
}

impl Captured for Arc<Mutex<Option<BoxFuture<'static, u8>>>> {
    fn make() -> Self {
        Arc::new(Mutex::new(Some(Box::pin(async { 250 }))))
    }

    fn answer(&self) -> u8 {
        drop(self.lock().expect("nobody panics").take());
        250
    }
}

impl Captured for Arc<Box<dyn Error + Send + Sync>> {
    fn make() -> Self {
        Arc::new("refused".into())
    }

    fn answer(&self) -> u8 {
        if self.to_string() == "refused" {
            250
        } else {
            0
        }
    }
}

/// A lifetime within a type without `dyn`.
impl Captured for &'static [&'static (dyn fmt::Display + Sync)] {
    fn make() -> Self {
        &[&250]
    }

    fn answer(&self) -> u8 {
        self[0].to_string().parse().expect("it is a number")
    }
}

/// A task that is a type, with a client of any kind.
pub(crate) struct Deliver<C>(pub(crate) C);

impl<C: Captured> Task for Deliver<C> {
    type Output = u8;

    async fn run(&self, _: Context) -> Result<u8, TaskError> {
        tokio::task::yield_now().await;
        Ok(self.0.answer())
    }
}

pub(crate) async fn deliver<C: Captured>(client: C, _: Context) -> Result<u8, TaskError> {
    Ok(client.answer())
}
