//! The methods of [`Store`](marionette::store::Store), on the thread of the store.

mod insert;
mod claim;
mod settle;
mod renew;
mod sweep;
mod mend;
mod warning;
mod wait;
mod waker;
mod ended;
mod give_back;
