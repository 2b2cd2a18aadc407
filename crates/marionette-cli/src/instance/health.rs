//! When an instance has to end because it cannot work: its store is broken, or something has kept
//! it from its work for too long.

use std::time::Duration;

use anyhow::anyhow;
use tokio::time::{sleep, timeout};

use crate::console::time::show_duration;
use crate::instance::worker::Instance;
use crate::store::{Opened, explain};

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);

/// Resolves when nobody can work with the store any more, and says why: one of its files is gone or
/// damaged, or one of its threads has ended.
pub(crate) async fn is_broken(opened: &Opened) -> anyhow::Error {
    loop {
        sleep(LOOK).await;
        // Anything that is read will do; one that does not answer is another trouble.
        let asked = opened.store.paused_queues();
        match timeout(opened.store.timing().lease, asked).await {
            Ok(Err(error)) if error.is_broken() => return explain(error),
            _ => {}
        }
    }
}

/// Resolves when an instance has been kept from its work for the length of a lease, and nothing
/// runs any more that it has begun; says why. This is for instances that shall end by themselves.
pub(crate) async fn is_hindered(opened: &Opened, instance: &Instance) -> anyhow::Error {
    let lease = opened.store.timing().lease;
    loop {
        sleep(LOOK).await;
        if instance.minder().runs_something() {
            continue;
        }
        if let Some((why, lasts)) = instance.trouble.get()
            && lasts >= lease
        {
            let lasts = show_duration(Duration::from_secs(lasts.as_secs()));
            return anyhow!("nothing could be begun for {lasts}: {why}");
        }
        if let Some(why) = instance.store_trouble.get() {
            // One that does not answer would never be closed, and whoever waits for that hangs too.
            std::mem::forget(opened.clone());
            return anyhow!(why);
        }
    }
}
