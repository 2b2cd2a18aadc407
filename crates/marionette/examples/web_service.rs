//! A web service that answers at once and works behind its answers: one route queues a job, another
//! tells how the job does.
//!
//! The manager is the state of the routes. Its store is chosen when the service starts, so the
//! routes know nothing of it. Here the requests are made by the program itself.

use std::error::Error;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use marionette::error::QueueErrorKind;
use marionette::store::{Store, StoreError};
use marionette::{Context, Job, MemoryStore, QueueError, TaskId, TaskManager};
use serde::{Deserialize, Serialize};
use tower::ServiceExt;

#[derive(Serialize, Deserialize)]
struct SendMail {
    to: String,
}

impl Job for SendMail {
    const KIND: &'static str = "send_mail";
    type Output = ();
}

type Tasks = State<TaskManager<dyn Store>>;

/// `POST /mails`, with the address in the body: the mail is accepted, and sent later.
async fn send(State(tasks): Tasks, to: String) -> Result<(StatusCode, String), Refused> {
    let patience = Duration::from_millis(100);
    let mail = tasks
        .queue(SendMail { to })
        .retries(8)
        .wait_at_most(patience)
        .await?;
    Ok((StatusCode::ACCEPTED, mail.id().to_string()))
}

/// `GET /mails/{id}`: how far it is.
async fn state(State(tasks): Tasks, Path(id): Path<TaskId>) -> Result<String, Refused> {
    let state = tasks.job_handle::<SendMail>(id).state().await?;
    state
        .map(|state| state.to_string())
        .ok_or_else(|| Refused(StatusCode::NOT_FOUND, "no such mail".into()))
}

/// A request that is refused: the status, and why.
struct Refused(StatusCode, String);

impl<T> From<QueueError<T>> for Refused {
    fn from(error: QueueError<T>) -> Self {
        let status = match error.kind() {
            QueueErrorKind::Full => StatusCode::TOO_MANY_REQUESTS,
            QueueErrorKind::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            QueueErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, error.to_string())
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}

/// The manager with the store that the configuration names.
fn manager(store: &str) -> Result<TaskManager<dyn Store>, Box<dyn Error>> {
    let builder = TaskManager::builder().handle(async |mail: SendMail, _: Context| {
        println!("  a mail to {}", mail.to);
        Ok(())
    });
    match store {
        "memory:" => {
            let builder = builder.store(MemoryStore::new()).queue_limit("default", 2);
            Ok(builder.build()?.into())
        }
        // … other stores …
        _ => Err(format!("`{store}` names no store").into()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let tasks = manager("memory:")?;
    let service = axum::Router::new()
        .route("/mails", post(send))
        .route("/mails/{id}", get(state))
        .with_state(tasks.clone());

    let id = call(&service, "POST", "/mails", "ada@example.org").await?;
    let of_ada = format!("/mails/{id}");
    call(&service, "GET", &of_ada, "").await?;

    // The queue takes two. A third request is told so, after its patience.
    call(&service, "POST", "/mails", "bob@example.org").await?;
    call(&service, "POST", "/mails", "eve@example.org").await?;
    call(&service, "POST", "/mails", &"x".repeat(1_100_000)).await?;

    tasks.start();
    tasks.idle().await;
    call(&service, "GET", &of_ada, "").await?;
    call(&service, "GET", &format!("/mails/{}", TaskId::new()), "").await?;
    tasks.stop().await;
    Ok(())
}

/// Makes a request as a client would, and prints what came back. Ids differ from run to run.
async fn call(
    service: &axum::Router,
    method: &str,
    path: &str,
    body: &str,
) -> Result<String, Box<dyn Error>> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(Body::from(body.to_owned()))?;
    let response = service.clone().oneshot(request).await?;
    let status = response.status();
    let answer = to_bytes(response.into_body(), 1024).await?;
    let answer = String::from_utf8(answer.into())?;
    let shown = if answer.parse::<TaskId>().is_ok() {
        "the id of the mail"
    } else {
        &answer
    };
    println!("{method}: {status}: {shown}");
    Ok(answer)
}
