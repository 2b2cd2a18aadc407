//! `EncodedJob`: a job before it is accepted, its arguments, and where it wants to wait.
//! `Unstorable` says why a manager or a store cannot take it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::cell::body::{Offered, Repeat, Source};
use crate::cell::context::Context;
use crate::cell::options::JobPlace;
use crate::id::Identity;
use crate::outcome::TaskError;
use crate::outcome::error::{UnreadableResult, chain, join_texts, sources};
use crate::store::{Due, NewJob, PAYLOAD_BYTES_MAX, Priority, clip_error};
use crate::task::draft::Draft;
use crate::task::handlers::{Runner, RunnerFuture};
use crate::task::job::{Job, kind_of, queue_of};
use crate::task::registry::{
    CodecError, KeptResult, Registry, check_comes_back, decode_output, encode,
};
use crate::task::stored_options::{self, JobSettings};
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
    pub(crate) settings: JobSettings,
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
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl<J: Job> EncodedJob<J> {
    fn new(job: J) -> Self {
        Self {
            job: Some(job),
            settings: JobSettings {
                queue: Ok(const { queue_of::<J>() }),
                priority: Priority::default(),
                keep_result: None,
            },
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
        let attempt = self.begin(context);
        async move {
            let result = attempt?.await?;
            result
                .and_then(|result| decode_output::<J>(&result))
                .map_err(|error| TaskError::fatal(UnreadableResult::new(&error)))
        }
    }

    /// Makes an attempt whose result stays encoded. A result that does not encode is one too.
    pub(crate) fn encoded_attempt(
        &mut self,
        context: Context,
    ) -> impl Future<Output = Result<KeptResult, TaskError>> + Send + use<J> {
        let attempt = self.begin(context);
        async move {
            let result = attempt?.await?;
            Ok(result.map_err(|error| clip_error(chain(&error)).into_owned()))
        }
    }

    fn begin(&mut self, context: Context) -> Result<RunnerFuture, TaskError> {
        self.job = None;
        match &self.encoding {
            Encoding::Ready { payload, runner } => {
                Ok(Arc::clone(runner).run(payload.clone(), context))
            }
            Encoding::Unstorable(why) => Err(TaskError::fatal(why.clone())),
            Encoding::Open => unreachable!("a job is prepared before it is offered"),
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
        prepare(draft, registry)
    }

    fn settings(source: &mut EncodedJob<J>) -> Option<&mut JobSettings> {
        Some(&mut source.settings)
    }
}

/// Makes a job ready for a manager with these handlers.
pub(crate) fn prepare<J: Job>(
    draft: &mut Draft<EncodedJob<J>>,
    registry: &Registry,
) -> Result<(), Box<Unstorable>> {
    let place = place::<J>(&draft.source.settings)?;
    draft.details().options.set_place(place);
    draft.source.pack(registry)
}

/// Where a job belongs.
fn place<J: Job>(settings: &JobSettings) -> Result<JobPlace, Unstorable> {
    let queue = settings.queue.clone();
    Ok(JobPlace {
        kind: const { kind_of::<J>() },
        queue: queue.map_err(|error| Unstorable::Refused(error.of_queue()))?,
    })
}

/// The row of a job for a store.
pub(crate) fn new_job<J: Job>(
    draft: &mut Draft<EncodedJob<J>>,
    due: Due,
) -> Result<NewJob, Box<Unstorable>> {
    let details = draft.details.get_or_insert_default();
    let encoded = &draft.source;
    let options = stored_options::stored(details, &encoded.settings, J::KIND)?;
    let JobPlace { kind, queue } = place::<J>(&encoded.settings)?;
    let job = NewJob {
        id: draft.identity.get_or_insert_with(Identity::new).id(),
        kind,
        queue,
        priority: encoded.settings.priority,
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
