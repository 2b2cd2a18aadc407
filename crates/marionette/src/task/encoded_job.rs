//! `EncodedJob`: a job before it is accepted, its arguments, and where it wants to wait.
//! `Unstorable` says why a manager or a store cannot take it.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::cell::body::{Offered, Repeat, Source};
use crate::cell::context::Context;
use crate::cell::options::JobPlace;
use crate::id::Identity;
use crate::outcome::TaskError;
use crate::outcome::error::{UnreadableResult, chain, join_texts, sources};
use crate::store::{
    Due, JobOptions, NewJob, PAYLOAD_BYTES_MAX, Priority, StoredBackoff, clip_error,
};
use crate::task::draft::Draft;
use crate::task::handlers::Runner;
use crate::task::job::Job;
use crate::task::registry::{CodecError, Registry, check_comes_back, decode_output, encode};
use crate::task::task_handler::TaskHandler;
use crate::task::{IntoTask, OfJobs, Repeatable};

/// Marks types that implement [`Job`].
#[derive(Debug)]
pub struct ByJob(());

impl Repeatable for ByJob {}
impl OfJobs for ByJob {}

/// A job before it is accepted, or in the queue of a manager without a store.
#[doc(hidden)]
pub struct EncodedJob<J> {
    /// The job until its first attempt: every attempt decodes its own.
    job: Option<J>,
    pub(crate) queue: Cow<'static, str>,
    pub(crate) priority: Priority,
    pub(crate) keep_result: Option<Duration>,
    encoding: Encoding,
}

enum Encoding {
    Open,
    Ready {
        payload: Vec<u8>,
        runner: Arc<dyn Runner>,
    },
    /// The reason why the manager cannot take the job. If the job is executed at once, it runs
    /// nevertheless, and its attempt fails with this text.
    Unstorable(String),
}

impl<J> fmt::Debug for EncodedJob<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodedJob")
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

impl<J: Job> EncodedJob<J> {
    fn new(job: J) -> Self {
        Self {
            job: Some(job),
            queue: J::QUEUE.into(),
            priority: Priority::default(),
            keep_result: None,
            encoding: Encoding::Open,
        }
    }

    fn encode(&self) -> Result<Vec<u8>, Box<Unstorable>> {
        let job = self.job.as_ref().expect("a job is kept until it is begun");
        let payload = encode(job).map_err(Unstorable::Codec)?;
        let bytes = payload.len();
        if bytes > PAYLOAD_BYTES_MAX {
            let kind = J::KIND;
            return Err(Unstorable::TooLarge { kind, bytes }.into());
        }
        check_comes_back::<J>(&payload).map_err(Unstorable::Codec)?;
        Ok(payload)
    }

    /// Encodes the job for its handler in this process.
    fn pack(&mut self, registry: &Registry) -> Result<(), Box<Unstorable>> {
        let encoding = match registry.get(J::KIND) {
            Some((_, runner)) => self.encode().map(|payload| (payload, Arc::clone(runner))),
            None => Err(Box::new(Unstorable::UnknownKind {
                kind: J::KIND,
                known: registry.kinds().collect(),
            })),
        };
        match encoding {
            Ok((payload, runner)) => {
                self.encoding = Encoding::Ready { payload, runner };
                Ok(())
            }
            Err(unstorable) => {
                self.encoding = Encoding::Unstorable(chain(&*unstorable));
                Err(unstorable)
            }
        }
    }

    fn attempt(
        &mut self,
        context: Context,
    ) -> impl Future<Output = Result<J::Output, TaskError>> + Send + use<J> {
        self.job = None;
        let encoding = match &self.encoding {
            Encoding::Ready { payload, runner } => Ok((payload.clone(), Arc::clone(runner))),
            Encoding::Unstorable(why) => Err(why.clone()),
            Encoding::Open => unreachable!("a job is prepared before it is offered"),
        };
        async move {
            let (payload, runner) = encoding.map_err(TaskError::fatal)?;
            let result = runner.run(payload, context).await?;
            result
                .and_then(|result| decode_output::<J>(&result))
                .map_err(|error| TaskError::fatal(UnreadableResult::new(&error)))
        }
    }
}

impl<J: Job> Source for EncodedJob<J> {
    type Task = Self;

    fn into_task(self) -> Option<Self> {
        self.job.is_some().then_some(self)
    }
}

impl<J: Job> IntoTask<ByJob> for J {
    type Output = J::Output;
    type Source = EncodedJob<J>;

    fn into_body(source: EncodedJob<J>) -> impl Offered<EncodedJob<J>, J::Output> + 'static {
        Repeat::new(source, EncodedJob::attempt)
    }

    fn into_draft(self) -> Draft<EncodedJob<J>> {
        let mut draft = Draft::new(EncodedJob::new(self));
        draft.details().options.set_name(J::KIND.into());
        J::defaults(TaskHandler::from_draft(draft)).draft
    }

    fn from_draft(draft: Draft<EncodedJob<J>>) -> J {
        let job = draft.source.job;
        job.expect("a job that comes back was not begun")
    }

    fn prepare(
        draft: &mut Draft<EncodedJob<J>>,
        registry: &Registry,
    ) -> Result<(), Box<Unstorable>> {
        let queue = draft.source.queue.clone();
        let place = JobPlace {
            kind: J::KIND,
            queue,
        };
        draft.details().options.set_place(place);
        draft.source.pack(registry)
    }
}

impl<J: Job> TaskHandler<J, ByJob> {
    /// The job as a row for a store.
    pub(crate) fn new_job(&mut self, due: Due) -> Result<NewJob, Box<Unstorable>> {
        let options = self.job_options()?;
        let encoded = &self.draft.source;
        let job = NewJob {
            id: self.draft.identity.get_or_insert_with(Identity::new).id(),
            kind: J::KIND.into(),
            queue: encoded.queue.clone(),
            priority: encoded.priority,
            due,
            payload: encoded.encode()?,
            options,
            queue_limit: None,
        };
        match job.fault() {
            None => Ok(job),
            Some(what) => Err(Unstorable::Refused(what).into()),
        }
    }

    fn job_options(&mut self) -> Result<JobOptions, Box<Unstorable>> {
        let keep_result = self.draft.source.keep_result;
        let details = self.draft.details();
        let options = &details.options;
        if options.token().is_some() || options.span().is_some() {
            return Err(Unstorable::Parent.into());
        }
        let backoff = match options.backoff() {
            Some(backoff) => Some(StoredBackoff::of(backoff).ok_or(Unstorable::Backoff)?),
            None => None,
        };
        // The error has to be taken to be read, and is put back for a job that is refused.
        let user = details.take_error().into_user();
        let error = user
            .as_ref()
            .map(|user| clip_error(chain(user.as_ref())).into_owned());
        if let Some(user) = user {
            details.set_user(user);
        }
        let options = &details.options;
        let name = options.name().filter(|&name| name != J::KIND);
        Ok(JobOptions {
            retries: options.retries,
            backoff,
            timeout: options.timeout(),
            give_up_after: options.give_up_after(),
            expires_after: options.expires_after(),
            name: name.map(|name| clip_error(name).into_owned()),
            error,
            keep_result,
        })
    }
}

/// Why a manager or a store cannot take a job.
#[doc(hidden)]
#[derive(Debug)]
pub enum Unstorable {
    UnknownKind {
        kind: &'static str,
        known: Vec<&'static str>,
    },
    TooLarge {
        kind: &'static str,
        bytes: usize,
    },
    #[allow(private_interfaces)] // The enum cannot be named outside of the crate.
    Codec(CodecError),
    /// What every store refuses.
    Refused(String),
    Backoff,
    Parent,
}

impl fmt::Display for Unstorable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKind { kind, known } => {
                write!(f, "no handler for jobs of kind `{kind}` is registered")?;
                match known.as_slice() {
                    [] => f.write_str(": register it with `TaskManagerBuilder::handle`"),
                    known => write!(f, ", only for `{}`", known.join("`, `")),
                }
            }
            Self::TooLarge { kind, bytes } => write!(
                f,
                "a payload of kind `{kind}` has {bytes} bytes, the limit is {PAYLOAD_BYTES_MAX}: \
                 keep what is large elsewhere, and its name in the job"
            ),
            // With the reason, but without the causes behind that, which are the source.
            Self::Codec(error) => f.write_str(&join_texts(sources(error).take(2))),
            Self::Refused(what) => write!(f, "a job cannot be stored: {what}"),
            Self::Backoff => f.write_str(
                "a job with `Backoff::from_fn` cannot be stored, since a function is no data: \
                 take one of the policies, or let its handler return `TaskError::retry_after`",
            ),
            Self::Parent => f.write_str(
                "a job with a parent context cannot be stored, since it outlives this process: \
                 leave out `context`",
            ),
        }
    }
}

impl std::error::Error for Unstorable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Codec(error) => error.source()?.source(),
            _ => None,
        }
    }
}
