//! A body: what a caller says of a job, written once. Behind the priority (1 byte) and the lengths
//! of kind and queue (1 each) stand both, the length of the options (1, or 255 and 4), the options
//! as JSON, nothing for the defaults, and the payload. The server writes its times before that.

use marionette::store::{JobOptions, Name, NewJob, Priority, StoreError};

use super::reader::Reader;

/// The length from which on it has five bytes.
const LONG: u8 = u8::MAX;

/// What the client writes of a body.
pub(crate) fn encode(job: &NewJob) -> Result<Vec<u8>, StoreError> {
    let options = if job.options == JobOptions::default() {
        Vec::new()
    } else {
        serde_json::to_vec(&job.options).map_err(|error| {
            StoreError::refused(format!("job {}: its options cannot be stored", job.id))
                .with_source(error)
        })?
    };
    let (kind, queue) = (job.kind.as_bytes(), job.queue.as_bytes());
    let length = 8 + kind.len() + queue.len() + options.len() + job.payload.len();
    let mut body = Vec::with_capacity(length);
    body.extend(job.priority.get().to_be_bytes());
    // Names have at most 128 bytes.
    #[allow(clippy::cast_possible_truncation)]
    body.extend([kind.len() as u8, queue.len() as u8]);
    body.extend(kind);
    body.extend(queue);
    match u8::try_from(options.len()) {
        Ok(length) if length < LONG => body.push(length),
        _ => {
            body.push(LONG);
            // Its texts are bounded.
            #[allow(clippy::cast_possible_truncation)]
            body.extend((options.len() as u32).to_be_bytes());
        }
    }
    body.extend(options);
    body.extend(&job.payload);
    Ok(body)
}

/// From this length on, without the times of the server, a body counts as long.
const LONG_BODY: usize = 16_384;
/// The flag of a waiting job with a long body.
const LONG_FLAG: u8 = 2;

/// A body as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    /// Whether it takes much room: a claim reads few of these at a time.
    pub(crate) is_long: bool,
    /// When it was accepted, in microseconds since 1970.
    pub(crate) accepted: u64,
    /// When it was first due.
    pub(crate) first_due: u64,
    pub(crate) priority: Priority,
    pub(crate) kind: Name,
    pub(crate) queue: Name,
    pub(crate) options: JobOptions,
    pub(crate) payload: Vec<u8>,
}

impl Body {
    /// The flags that this job has while it waits, but for those that its state gives it.
    pub(crate) fn flags(&self) -> u8 {
        if self.is_long { LONG_FLAG } else { 0 }
    }

    /// Reads a body; what is wrong with it if it cannot be read.
    pub(crate) fn decode(body: &[u8]) -> Result<Self, String> {
        let length = body.len();
        let mut body = Reader(body);
        let parts = Parts::of(&mut body).ok_or("its body is too short")?;
        let name = |text: &str| Name::try_from(text).map_err(|error| error.to_string());
        let options = match parts.options {
            [] => JobOptions::default(),
            options => serde_json::from_slice(options)
                .map_err(|error| format!("its options cannot be read: {error}"))?,
        };
        Ok(Self {
            is_long: length - parts.head > LONG_BODY,
            accepted: parts.accepted,
            first_due: parts.first_due,
            priority: Priority::new(parts.priority),
            kind: name(parts.kind)?,
            queue: name(parts.queue)?,
            options,
            payload: body.0.to_vec(),
        })
    }
}

struct Parts<'a> {
    /// The length of the times of the server.
    head: usize,
    accepted: u64,
    first_due: u64,
    priority: i8,
    kind: &'a str,
    queue: &'a str,
    options: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(body: &mut Reader<'a>) -> Option<Self> {
        let accepted = body.number(7)?;
        let (head, first_due) = match body.byte()? {
            b'0' => (8, accepted),
            _ => (15, body.number(7)?),
        };
        let priority = i8::from_be_bytes(body.array()?);
        let [kind, queue] = body.array()?;
        let kind = body.text(kind.into())?;
        let queue = body.text(queue.into())?;
        let options = match body.byte()? {
            LONG => body.number32()? as usize,
            length => length.into(),
        };
        let options = body.take(options)?;
        Some(Self {
            head,
            accepted,
            first_due,
            priority,
            kind,
            queue,
            options,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(head: &[u8], job: &NewJob) -> Vec<u8> {
        [head, &encode(job).expect("it can be stored")].concat()
    }

    #[test]
    fn a_body_comes_back_as_it_was() {
        let job = NewJob::new(Name::from_static("send_mail"), b"\0{}\xff".to_vec())
            .queue(Name::from_static("mails"))
            .priority(-7);
        let long = job
            .clone()
            .options(JobOptions::new().name("x".repeat(300)).retries(3));
        let head = [&7_u64.to_be_bytes()[1..], b"1", &9_u64.to_be_bytes()[1..]].concat();
        for job in [job, long] {
            let body = Body::decode(&stored(&head, &job)).expect("it is whole");
            assert_eq!((body.accepted, body.first_due), (7, 9));
            assert_eq!((body.kind, body.queue), (job.kind, job.queue));
            assert_eq!(body.priority, job.priority);
            assert_eq!((body.options, body.payload), (job.options, job.payload));
        }
    }

    #[test]
    fn a_body_that_was_cut_is_no_body() {
        let job = NewJob::new(Name::from_static("send_mail"), Vec::new());
        let body = stored(&[0, 0, 0, 0, 0, 0, 7, b'0'], &job);
        for length in 0..body.len() {
            assert!(Body::decode(&body[..length]).is_err(), "{length}");
        }
        assert!(Body::decode(&body).is_ok());
    }
}
