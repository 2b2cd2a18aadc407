//! The first screen.

use marionette::{Config, Context, TaskManager};

async fn send_mail(to: &str) -> std::io::Result<()> {
    println!("mail to {to}");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tasks = TaskManager::new(Config::default())?; // 4 workers, a queue of 64
    tasks.start();
    let mail = tasks
        .queue(async |_: Context| Ok(send_mail("ada@example.org").await?))
        .retries(3) // the pauses grow: 500 ms, × 1.5, ± 50 %
        .await?; // waits while the queue is full
    mail.await?; // the result, or the error with every attempt
    println!("{}", tasks.stop().await); // runs all that was accepted
    Ok(())
}

#[test]
fn it_runs() {
    main().expect("it runs to its end");
}
