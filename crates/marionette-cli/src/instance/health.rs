//! Decides when an instance has to end because it cannot work: its store is broken, or a trouble
//! has lasted for too long.

use std::time::Duration;

use anyhow::anyhow;
use marionette::store::StoreErrorKind;
use tokio::time::{sleep, timeout};

use crate::console::time::show_duration;
use crate::instance::manager::Instance;
use crate::store::{Opened, explain};

/// How often to look.
const LOOK: Duration = Duration::from_secs(1);

/// Waits until the store can no longer be used, and returns the reason: one of its files is gone or
/// damaged, or one of its threads has ended.
pub(crate) async fn is_broken(opened: &Opened) -> anyhow::Error {
    loop {
        sleep(LOOK).await;
        // Any read will do; a store that does not answer is another trouble.
        let asked = opened.store.paused_queues();
        match timeout(opened.store.timing().lease, asked).await {
            Ok(Err(error)) if error.kind() == StoreErrorKind::Broken => return explain(error),
            _ => {}
        }
    }
}

/// Waits until a trouble has lasted for the length of a lease and no command of the instance runs;
/// returns the reason. For instances that end by themselves.
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
            // A store that does not answer would never close, and dropping the last handle would
            // wait for that.
            std::mem::forget(opened.clone());
            return anyhow!(why);
        }
    }
}
