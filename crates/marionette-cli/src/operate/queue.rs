//! `marionette pause` and `resume`.

use anyhow::Result;
use serde_json::json;

use crate::console::text::safe;
use crate::store::told;

use super::desk::Desk;

pub(super) async fn pause(desk: &Desk, queue: &str) -> Result<u8> {
    let was_paused = was_paused(desk, queue).await?;
    let store = &*desk.opened.store;
    store.pause_queue(queue.to_owned()).await.map_err(told)?;
    let counts = store.counts().await.map_err(told)?;
    if !counts.iter().any(|count| count.queue == queue) {
        desk.say
            .note(&format!("no task is in the queue {queue} so far"));
    }
    tell(desk, queue, true, !was_paused);
    Ok(0)
}

pub(super) async fn resume(desk: &Desk, queue: &str) -> Result<u8> {
    let was_paused = was_paused(desk, queue).await?;
    let store = &*desk.opened.store;
    store.resume_queue(queue.to_owned()).await.map_err(told)?;
    tell(desk, queue, false, was_paused);
    Ok(0)
}

/// What is said to somebody whose task is in a queue that is paused.
pub(crate) fn is_paused(queue: &str) -> String {
    let queue = safe(queue);
    format!("the queue {queue} is paused; `marionette resume {queue}` lets it go on")
}

async fn was_paused(desk: &Desk, queue: &str) -> Result<bool> {
    let paused = desk.opened.store.paused_queues().await.map_err(told)?;
    Ok(paused.iter().any(|paused| paused == queue))
}

fn tell(desk: &Desk, queue: &str, is_paused: bool, is_new: bool) {
    if desk.say.json {
        let value = json!({"queue": queue, "paused": is_paused, "changed": is_new});
        return desk.say.value(&value);
    }
    if desk.say.quiet {
        return;
    }
    desk.say.result(&match (is_paused, is_new) {
        (true, true) => format!(
            "the queue {queue} is paused: what runs goes on, nothing else is begun before \
             `marionette resume {queue}`"
        ),
        (true, false) => format!("the queue {queue} was paused already"),
        (false, true) => format!("the queue {queue} goes on"),
        (false, false) => format!("the queue {queue} was not paused"),
    });
}
