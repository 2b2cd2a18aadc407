//! `marionette pause` and `resume`.

use anyhow::Result;
use marionette::inspect::PausedQueue;
use marionette::store::Name;
use serde_json::json;

use crate::console::pausing::who_paused;
use crate::console::text::safe;
use crate::store::{by, explain};

use super::operator::Operator;

pub(super) async fn pause(operator: &Operator, queue: &Name) -> Result<u8> {
    let was_paused = was_paused(operator, queue).await?;
    let store = &*operator.opened.store;
    store
        .pause_queue(queue.clone(), by())
        .await
        .map_err(explain)?;
    let counts = store.counts().await.map_err(explain)?;
    if !counts.iter().any(|count| count.queue == *queue) {
        operator
            .console
            .note(&format!("no task is in the queue {queue} so far"));
    }
    tell(operator, queue, true, was_paused.as_ref());
    Ok(0)
}

pub(super) async fn resume(operator: &Operator, queue: &Name) -> Result<u8> {
    let was_paused = was_paused(operator, queue).await?;
    let store = &*operator.opened.store;
    store
        .resume_queue(queue.clone(), by())
        .await
        .map_err(explain)?;
    tell(operator, queue, false, was_paused.as_ref());
    Ok(0)
}

/// The note for a user whose task is in a paused queue.
pub(crate) fn is_paused(paused: &PausedQueue) -> String {
    let queue = safe(&paused.queue);
    let who = who_paused(paused);
    format!("the queue {queue} is paused{who}; `marionette resume {queue}` lets it go on")
}

async fn was_paused(operator: &Operator, queue: &Name) -> Result<Option<PausedQueue>> {
    let paused = operator
        .opened
        .store
        .paused_queues()
        .await
        .map_err(explain)?;
    Ok(paused.into_iter().find(|paused| paused.queue == *queue))
}

fn tell(operator: &Operator, queue: &Name, is_paused: bool, was_paused: Option<&PausedQueue>) {
    let is_new = is_paused != was_paused.is_some();
    let who = was_paused.map(who_paused).unwrap_or_default();
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
        (true, false) => format!("the queue {queue} was paused already{who}"),
        (false, true) => format!("the queue {queue} goes on"),
        (false, false) => format!("the queue {queue} was not paused"),
    });
}
