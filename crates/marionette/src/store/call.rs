//! The bounds of one call of a store, and how the library keeps to them.

use crate::store::{NewJob, Settlement};

/// One call of a [`Store`](crate::store::Store) has at most this many rows: jobs, ids, leases or
/// settlements.
pub const CALL_ROWS_MAX: usize = 10_000;

/// One call of a [`Store`](crate::store::Store) has at most this many bytes of payloads, results
/// and other texts: 16 MiB.
pub const CALL_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How many of these items go into one call, counted from the first: at least one, unless there is
/// none.
pub(crate) fn fit<T>(items: &[T], bytes: impl Fn(&T) -> usize) -> usize {
    let most = items.len().min(CALL_ROWS_MAX);
    let mut left = CALL_BYTES_MAX;
    for (count, item) in items[..most].iter().enumerate() {
        let Some(rest) = left.checked_sub(bytes(item)) else {
            return count.max(1);
        };
        left = rest;
    }
    most
}

/// The parts of `items` that go into one call each. There is one call even for no items.
pub(crate) fn rows<T>(items: &[T]) -> impl Iterator<Item = &[T]> {
    let none = items.is_empty().then_some(items);
    items.chunks(CALL_ROWS_MAX).chain(none)
}

/// About how many bytes the job takes in a call.
pub(crate) fn job_bytes(job: &NewJob) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let names = job.kind.len() + job.queue.len() + text(&job.options.name);
    job.payload.len() + names + text(&job.options.error)
}

/// About how many bytes the settlement takes in a call.
pub(crate) fn settlement_bytes(settlement: &Settlement) -> usize {
    let attempt = settlement.attempt.as_ref();
    let error = attempt.and_then(|attempt| attempt.error.as_ref());
    settlement.next.bytes() + error.map_or(0, String::len)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::id::TaskId;
    use crate::store::{
        Attempted, EndKind, InstanceId, JobOptions, Lease, Name, Next, PastOutcome,
    };

    #[test]
    fn a_call_has_as_many_items_as_fit_and_at_least_one() {
        let size = |item: &usize| *item;
        assert_eq!(fit(&[], size), 0);
        assert_eq!(fit(&[CALL_BYTES_MAX + 1, 1], size), 1);
        assert_eq!(fit(&[1, CALL_BYTES_MAX - 1, 1], size), 2);
        assert_eq!(fit(&vec![0; CALL_ROWS_MAX + 1], size), CALL_ROWS_MAX);
    }

    #[test]
    fn every_text_of_a_row_counts() {
        let text = |bytes: usize| "x".repeat(bytes);
        let options = JobOptions::new().name(text(20)).error(text(300));
        let (kind, queue) = (Name::from_static("mail"), Name::from_static("bulk"));
        let job = NewJob::new(kind, vec![b'x'; 4_000]).queue(queue);
        assert_eq!(job_bytes(&job.options(options)), 4 + 4 + 20 + 300 + 4_000);

        let lease = Lease::new(TaskId::new(), InstanceId::new(), 1, 1);
        let cancel = Next::Cancel {
            reason: text(20),
            kind: EndKind::Cancelled,
        };
        let failed = Attempted::new(PastOutcome::Failed, Duration::ZERO).error(text(300));
        for (next, bytes) in [(cancel, 20), (Next::Done(vec![b'x'; 4_000]), 4_000)] {
            let settlement = Settlement::new(lease, next);
            assert_eq!(settlement_bytes(&settlement), bytes);
            let settlement = settlement.attempt(failed.clone());
            assert_eq!(settlement_bytes(&settlement), bytes + 300);
        }
    }

    #[test]
    fn what_is_cut_into_rows_is_all_there() {
        let items: Vec<usize> = (0..=2 * CALL_ROWS_MAX).collect();
        let lengths: Vec<usize> = rows(&items).map(<[usize]>::len).collect();
        assert_eq!(lengths, [CALL_ROWS_MAX, CALL_ROWS_MAX, 1]);
        assert_eq!(rows(&items).flatten().count(), items.len());
        assert_eq!(rows::<usize>(&[]).count(), 1);
    }
}
