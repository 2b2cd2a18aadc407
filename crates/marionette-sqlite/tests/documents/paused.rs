//! A test on the paused clock, which is one itself.

use std::time::Duration;

use marionette::{Context, TaskManager, testing};

#[tokio::test(start_paused = true)]
async fn the_reminder_is_sent_after_a_day() {
    let tasks = TaskManager::new(Default::default()).expect("the defaults are valid");
    tasks.start();
    let reminder = tasks.delay(Duration::from_secs(86_400), async |_: Context| Ok("sent"));
    let reminder = reminder.await.expect("it runs");
    testing::drain(&tasks).await;
    assert_eq!(reminder.await.expect("it does not fail"), "sent");
}
