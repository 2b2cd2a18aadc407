//! Waiting for jobs and for their ends, signs of life and sweeps, on a server and on the real
//! clock.

mod bed;
mod idle;
mod lives;
mod mended;
mod wakes;
