//! `kill -9`, at any moment, of workers and of the server: no accepted job is lost, none is
//! completed twice, and the store is clean afterwards. How it is done, and how more are killed, is
//! said in [`marionette_conformance::crash`].

#![cfg(unix)]

mod borders;
mod child;
mod servers;
mod workers;
