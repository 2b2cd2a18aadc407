//! A producer that is faster than the workers is slowed down, and never fills the memory.
//!
//! One worker makes thumbnails, a second each; two more images may wait. The producer chooses what
//! happens when there is no room: wait, do without, or wait for a while. The clock is virtual here.

use std::error::Error;
use std::time::Duration;

use marionette::{Context, TaskError, TaskManager, wrap};
use tokio::time::sleep;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let tasks = TaskManager::builder().workers(1).queue_size(2).build()?;
    tasks.start();

    // Wait: after one image for the free worker and two that wait, the loop goes at its pace.
    for image in 1..=5 {
        let _runs = tasks.queue(move |_: Context| thumbnail(image)).await?;
        println!("image {image} is accepted, {} wait", tasks.stats().queued);
    }

    // Do without: the answer comes at once, and the task comes back with its options.
    let sixth = wrap(|_: Context| thumbnail(6))
        .name("thumbnail six")
        .retries(1);
    let Err(refused) = tasks.queue(sixth).try_now() else {
        return Err("there was room".into());
    };
    println!("image 6 is refused: {refused}");
    let sixth = refused.into_task();

    // Wait for a while: for a request that has to be answered.
    let limit = Duration::from_millis(100);
    let Err(refused) = tasks.queue(sixth).wait_at_most(limit).await else {
        return Err("there was room".into());
    };
    println!("image 6 is refused after 100 ms: {refused}");

    // Longer than one image takes: now there is room.
    let sixth = refused.into_task();
    let name = sixth.to_string();
    let made = tasks
        .queue(sixth)
        .wait_at_most(Duration::from_secs(2))
        .await?;
    println!("image 6 is accepted, as \"{name}\"");
    println!("{}", made.await?);

    let report = tasks.stop().await;
    println!("{} in the end, {} wait", tasks.stats().done, report.queued);
    Ok(())
}

/// Makes the thumbnail of an image, which takes a second.
async fn thumbnail(image: u32) -> Result<String, TaskError> {
    sleep(Duration::from_secs(1)).await;
    println!("  image {image} has its thumbnail");
    Ok(format!("thumbnail of image {image}"))
}
