//! Every new user gets a welcome mail, and nobody waits for the mail server to sign up.
//!
//! A mail is tried four times, with growing pauses; if it fails for good, the error names the user.
//! The clock is virtual here, so the pauses take no time: see `start_paused`.

use std::error::Error;
use std::fmt;

use marionette::backoff::Exponential;
use marionette::{Config, Context, JoinHandle, TaskManager};

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let tasks = TaskManager::new(Config::default())?; // 4 workers, a queue of 64
    tasks.start();

    let ada = sign_up(&tasks, "ada@example.org").await?;
    let bob = sign_up(&tasks, "bob@nowhere.example").await?;

    // A service would drop the handles: the log gets the final error with all its details.
    let receipt = ada.await?;
    println!("{receipt}");

    if let Err(error) = bob.await {
        println!("{error}");
        for (nth, failure) in (1..).zip(error.failures()) {
            println!("  attempt {nth}: {failure:#}");
        }
    }

    let report = tasks.stop().await;
    println!("all that was accepted has run: {}", report.is_complete());
    Ok(())
}

/// The part of the request handler that queues the mail: it returns before the mail is sent.
async fn sign_up(
    tasks: &TaskManager,
    user: &'static str,
) -> Result<JoinHandle<String>, Box<dyn Error>> {
    let handle = tasks
        .queue(async move |cx: Context| Ok(send_mail(user, &cx).await?))
        .name("welcome mail")
        .retries(3)
        .backoff(Exponential::default()) // 500 ms, 750 ms, 1.1 s, each give or take a half
        .error(format!("could not send the welcome mail to {user}"))
        .await?;
    println!("{user} has signed up");
    Ok(handle)
}

/// A stand-in for a mail server that is busy twice, and does not know one of the two domains.
async fn send_mail(to: &str, cx: &Context) -> Result<String, MailError> {
    tokio::task::yield_now().await;
    match (to, cx.attempt()) {
        ("bob@nowhere.example", _) => Err(MailError("550 no such domain")),
        (_, 1 | 2) => Err(MailError("421 too many connections")),
        (_, attempt) => Ok(format!("mail to {to} sent at attempt {attempt}")),
    }
}

#[derive(Debug)]
struct MailError(&'static str);

impl fmt::Display for MailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the mail server said {}", self.0)
    }
}

impl Error for MailError {}
