//! `marionette pause` and `resume`.

use anyhow::Result;
use serde_json::json;

use crate::console::text::safe;
use crate::store::explain;

use super::operator::Operator;

pub(super) async fn pause(operator: &Operator, queue: &str) -> Result<u8> {
    let was_paused = was_paused(operator, queue).await?;
    let store = &*operator.opened.store;
    store.pause_queue(queue.to_owned()).await.map_err(explain)?;
    let counts = store.counts().await.map_err(explain)?;
    if !counts.iter().any(|count| count.queue == queue) {
        operator
            .console
            .note(&format!("no task is in the queue {queue} so far"));
    }
    tell(operator, queue, true, !was_paused);
    Ok(0)
}

pub(super) async fn resume(operator: &Operator, queue: &str) -> Result<u8> {
    let was_paused = was_paused(operator, queue).await?;
    let store = &*operator.opened.store;
    store
        .resume_queue(queue.to_owned())
        .await
        .map_err(explain)?;
    tell(operator, queue, false, was_paused);
    Ok(0)
}

/// The note for a user whose task is in a paused queue.
pub(crate) fn is_paused(queue: &str) -> String {
    let queue = safe(queue);
    format!("the queue {queue} is paused; `marionette resume {queue}` lets it go on")
}

async fn was_paused(operator: &Operator, queue: &str) -> Result<bool> {
    let paused = operator
        .opened
        .store
        .paused_queues()
        .await
        .map_err(explain)?;
    Ok(paused.iter().any(|paused| paused == queue))
}

fn tell(operator: &Operator, queue: &str, is_paused: bool, is_new: bool) {
    if operator.console.json {
        let value = json!({"queue": queue, "paused": is_paused, "changed": is_new});
        return operator.console.value(&value);
    }
    if operator.console.quiet {
        return;
    }
    operator.console.result(&match (is_paused, is_new) {
        (true, true) => format!(
            "the queue {queue} is paused: what runs goes on, nothing else is begun before \
             `marionette resume {queue}`"
        ),
        (true, false) => format!("the queue {queue} was paused already"),
        (false, true) => format!("the queue {queue} goes on"),
        (false, false) => format!("the queue {queue} was not paused"),
    });
}
