//! Types that may cross `catch_unwind`: a manager, the handles of its tasks, what an attempt knows
//! of itself, and the store in memory.
//!
//! Their state is atomic or behind locks that are not held while code of a user runs, so a panic
//! leaves none of it half changed.

use std::panic::{RefUnwindSafe, UnwindSafe};

use crate::cell::context::Context;
use crate::cell::join::JoinHandle;
use crate::manager::TaskManager;
use crate::memory_store::MemoryStore;
use crate::submit::job_handle::JobHandle;
use crate::submit::jobs::Jobs;

impl<S: ?Sized> UnwindSafe for TaskManager<S> {}
impl<S: ?Sized> RefUnwindSafe for TaskManager<S> {}

impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}

impl<J> UnwindSafe for JobHandle<J> {}
impl<J> RefUnwindSafe for JobHandle<J> {}

impl UnwindSafe for Jobs {}
impl RefUnwindSafe for Jobs {}

impl UnwindSafe for Context {}
impl RefUnwindSafe for Context {}

impl UnwindSafe for MemoryStore {}
impl RefUnwindSafe for MemoryStore {}
