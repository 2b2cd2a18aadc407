//! What a durable contender must offer; each is used as its documentation advises.

use std::future::Future;
use std::time::SystemTime;

use crate::job::{Job, Work};
use crate::order::Order;

/// Jobs in one file, or on one server. Each producer has a clone of its own.
///
/// Whatever fails is a panic: then there is no figure.
pub trait Contender: Clone + Send + Sync + 'static {
    /// Opens the store, or makes it; nobody works on it yet. What the mode means is agreed between
    /// the contender and the program that starts it; `default` is as the documentation advises.
    fn open(order: &Order) -> impl Future<Output = Self> + Send;

    /// Runs jobs from now on, as many at once as was ordered.
    fn work(&self, work: Work) -> impl Future<Output = ()> + Send;

    /// Accepts a job; returns when the store has it.
    fn queue(&self, job: Job) -> impl Future<Output = ()> + Send;

    /// Accepts many in one call.
    fn queue_many(&self, jobs: Vec<Job>) -> impl Future<Output = ()> + Send;

    /// Accepts a job that is due at a time.
    fn schedule(&self, due: SystemTime, job: Job) -> impl Future<Output = ()> + Send;

    /// How many jobs wait or run by the account of the store.
    fn left(&self) -> impl Future<Output = u64> + Send;
}
