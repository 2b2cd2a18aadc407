//! What a task may ask for, and the parent from which it inherits.

use std::borrow::Cow;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::backoff::Backoff;
use crate::context::Context;

#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) retries: u32,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) give_up_after: Option<Duration>,
    pub(crate) expires: Option<Duration>,
    pub(crate) parent: Parent,
    pub(crate) name: Option<Cow<'static, str>>,
}

/// The parent of every attempt: what a task inherits from where it was made.
///
/// When the parent is cancelled, a running attempt is told and no further one starts. The span
/// becomes the parent of the attempt's span, so that a trace goes from the request to its tasks.
///
/// It is made from a [`CancellationToken`], from a [`Span`], from both, or from the [`Context`] of
/// another task.
///
/// # Examples
///
/// ```
/// use marionette::{Context, TaskManager};
/// use tokio_util::sync::CancellationToken;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let tasks = TaskManager::new(Default::default())?;
/// # tasks.start();
/// let request = CancellationToken::new();
/// let handle = tasks
///     .queue(async |cx: Context| {
///         cx.cancelled().await;
///         Err::<(), _>("nobody waits for it any more".into())
///     })
///     .context(request.clone())
///     .await?;
/// request.cancel();
/// assert!(handle.await.unwrap_err().is_cancelled());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Parent {
    token: Option<CancellationToken>,
    /// Boxed, since it is large and rare.
    span: Option<Box<Span>>,
}

impl Parent {
    pub(crate) fn token(&self) -> Option<&CancellationToken> {
        self.token.as_ref()
    }

    pub(crate) fn span(&self) -> Option<&Span> {
        self.span.as_deref()
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.token
            .as_ref()
            .is_some_and(CancellationToken::is_cancelled)
    }

    pub(crate) fn child_token(&self) -> CancellationToken {
        self.token
            .as_ref()
            .map_or_else(CancellationToken::new, CancellationToken::child_token)
    }
}

impl From<CancellationToken> for Parent {
    fn from(token: CancellationToken) -> Self {
        Self {
            token: Some(token),
            span: None,
        }
    }
}

impl From<Span> for Parent {
    fn from(span: Span) -> Self {
        Self {
            token: None,
            span: Some(Box::new(span)),
        }
    }
}

impl From<(CancellationToken, Span)> for Parent {
    fn from((token, span): (CancellationToken, Span)) -> Self {
        Self {
            token: Some(token),
            span: Some(Box::new(span)),
        }
    }
}

/// A task that is made by a task ends when that one is told to.
impl From<&Context> for Parent {
    fn from(context: &Context) -> Self {
        Self {
            token: Some(context.token()),
            span: Some(Box::new(context.span())),
        }
    }
}

impl From<Context> for Parent {
    fn from(context: Context) -> Self {
        Self::from(&context)
    }
}
