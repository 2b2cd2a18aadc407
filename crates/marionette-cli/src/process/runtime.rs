//! Begins the runtime of this process, even where there is no room for it, and catches the signal
//! of a limit that would end the process.

use std::io;
use std::panic::{PanicHookInfo, set_hook, take_hook};

use rustix::process::Signal;
use tokio::runtime::{Builder, Runtime, RuntimeFlavor};
use tokio::signal::unix::{SignalKind, signal};

use super::NOT_BEGUN;
use crate::console;
use crate::process::lack;

/// Makes the runtime.
///
/// Tokio panics if it cannot have a thread or the pipe for its signals. Then `tell` gets the lack,
/// and the process ends: threads that have begun already would wait for ever.
///
/// # Errors
///
/// If the system refuses what the runtime needs.
pub(crate) fn begin(mut builder: Builder, tell: fn(&str)) -> io::Result<Runtime> {
    let hook = take_hook();
    set_hook(Box::new(move |panic| {
        tell(&lacks(panic));
        std::process::exit(NOT_BEGUN.into());
    }));
    let built = builder.enable_all().build();
    if let Ok(runtime) = &built
        && runtime.handle().runtime_flavor() == RuntimeFlavor::CurrentThread
    {
        // Without a first thread for what blocks, Tokio would panic later. With one, what cannot
        // have another waits for it.
        runtime.spawn_blocking(|| ());
    }
    drop(take_hook());
    set_hook(hook);
    let runtime = built.map_err(|error| io::Error::new(error.kind(), lack::words(&error)))?;
    let inside = runtime.enter();
    // Once the signal no longer ends the process, a file that has grown to its limit is like a full
    // disk. The signal is caught and not ignored, because commands would inherit an ignored signal.
    // A signal that was listened to once stays caught.
    drop(signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?);
    drop(inside);
    Ok(runtime)
}

/// Tells whoever started this process that it cannot begin.
pub(crate) fn refuse(lack: &str) {
    console::complain(&format!("cannot begin: {lack}"));
}

fn lacks(panic: &PanicHookInfo<'_>) -> String {
    lack::now().unwrap_or_else(|| {
        let text = panic.payload().downcast_ref::<String>();
        text.map_or("its threads cannot be started", String::as_str)
            .to_owned()
    })
}
