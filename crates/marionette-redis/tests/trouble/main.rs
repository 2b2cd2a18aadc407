//! What happens to the server, to its disk, to its clock and to the network between machines: jobs
//! that were accepted are not lost, none is completed twice, and work goes on by itself.

#![cfg(unix)]

mod together;
mod bed;
mod machines;
mod vanish;
mod disk;
mod stepped;
mod names;
mod busy;
mod rows;
mod lab;
mod proxy;
mod program;
