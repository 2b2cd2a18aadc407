//! Two connections for calls that wait until the server keeps what they wrote: meanwhile it answers
//! nothing else on the same connection.

use std::cell::Cell;
use std::rc::Rc;

use marionette::store::StoreError;
use redis::Value;
use tokio::sync::Semaphore;

use crate::scripts::Call;

use super::way::Way;
use super::{Link, in_time};

/// Connections that take turns: each has one call at a time.
#[derive(Debug)]
pub(crate) struct Turns {
    links: [Link; 2],
    is_taken: [Cell<bool>; 2],
    free: Semaphore,
}

impl Turns {
    pub(crate) async fn connect(way: &Rc<Way>) -> Result<Self, StoreError> {
        Ok(Self {
            links: [
                Link::connect(way, None).await?,
                Link::connect(way, None).await?,
            ],
            is_taken: Default::default(),
            free: Semaphore::new(2),
        })
    }

    pub(crate) fn links(&self) -> &[Link] {
        &self.links
    }

    /// Calls a script, and waits until the server keeps what it wrote as the settings ask.
    pub(crate) async fn call(&self, call: &Call) -> Result<Value, StoreError> {
        let called = async {
            let free = self.free.acquire().await;
            let place = usize::from(self.is_taken[0].get());
            let _turn = Turn::begin(&self.is_taken[place]);
            let answer = self.links[place].call_kept(call).await;
            drop(free);
            answer
        };
        let called = in_time(called).await;
        called.unwrap_or_else(|| Err(self.links[0].shared.too_late()))
    }
}

/// A turn, until it is dropped.
struct Turn<'a>(&'a Cell<bool>);

impl<'a> Turn<'a> {
    fn begin(is_taken: &'a Cell<bool>) -> Self {
        is_taken.set(true);
        Self(is_taken)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}
