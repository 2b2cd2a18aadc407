//! A caller that is alone and whose call is short waits for the answer awake: to be put to sleep
//! and woken would take longer than the call.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;

/// How many calls are on their way.
#[derive(Debug, Default)]
pub(crate) struct Calls(AtomicUsize);

/// A call that is on its way.
#[derive(Debug)]
pub(crate) struct OnItsWay<'a> {
    calls: &'a Calls,
    is_alone: bool,
}

/// With one processor, the thread that is to answer could not run meanwhile.
static HAS_PROCESSORS: LazyLock<bool> =
    LazyLock::new(|| available_parallelism().is_ok_and(|count| count.get() > 1));

/// For how many looks a caller waits: some 30 µs.
const LOOKS: u32 = 600;

impl Calls {
    pub(crate) fn begin(&self) -> OnItsWay<'_> {
        // A count that is a moment old does no harm.
        let is_alone = self.0.fetch_add(1, Ordering::Relaxed) == 0;
        OnItsWay {
            calls: self,
            is_alone: is_alone && *HAS_PROCESSORS,
        }
    }
}

impl OnItsWay<'_> {
    /// The answer, if it comes within some microseconds and nobody else calls.
    pub(crate) fn wait<R>(&self, answer: &mut Receiver<R>) -> Option<R> {
        if !self.is_alone {
            return None;
        }
        for _ in 0..LOOKS {
            match answer.try_recv() {
                Ok(answer) => return Some(answer),
                Err(TryRecvError::Closed) => return None,
                Err(TryRecvError::Empty) => std::hint::spin_loop(),
            }
            if self.calls.0.load(Ordering::Relaxed) > 1 {
                return None;
            }
        }
        None
    }
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        self.calls.0.fetch_sub(1, Ordering::Relaxed);
    }
}
