//! Random operations on a store.
//!
//! Time passes in steps of three units, and no other duration is a multiple of three units. So
//! nothing happens exactly at a boundary.

use marionette::store::JobState;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::{select, subsequence};

/// The number of ids to choose from.
pub(crate) const IDS: usize = 8;
pub(crate) const INSTANCES: usize = 3;
pub(crate) const KINDS: [&str; 3] = ["a", "b", "c"];
pub(crate) const QUEUES: [&str; 2] = ["x", "y"];
/// Texts that are in some payloads, reasons and errors.
pub(crate) const TEXTS: [&str; 4] = ["payload 3", "payload", "enough", "broken"];

/// One step.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Insert(Vec<New>),
    Claim {
        instance: usize,
        kinds: Vec<&'static str>,
        queues: Vec<&'static str>,
        limit: usize,
        suspects: usize,
    },
    /// The instance names all its leases, and some that it lost.
    Renew(usize),
    /// The leases are counted backwards from the newest.
    Settle(Vec<(usize, Then)>),
    Sweep,
    /// A number of steps of three units.
    Pass(u32),
    Retry(Pick),
    Cancel(Pick),
    Delete(Pick),
    Reschedule(Pick, i32),
    Pause(&'static str),
    Resume(&'static str),
    /// Reads all pages of this length.
    List(Query, usize),
    /// The connection is cut in the next call, at this place.
    Cut(u32),
}

#[derive(Clone, Debug)]
pub(crate) struct New {
    pub(crate) id: usize,
    pub(crate) kind: &'static str,
    pub(crate) queue: &'static str,
    pub(crate) priority: i8,
    pub(crate) due: When,
    pub(crate) limit: Option<u64>,
    pub(crate) keep: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum When {
    Now,
    After(u32),
    At(i32),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    Done,
    Retry(u32),
    Snooze(u32),
    Release,
    /// Without an attempt: it was claimed and never started.
    Untouched,
    Bury,
    Cancel,
}

#[derive(Clone, Debug)]
pub(crate) enum Pick {
    Ids(Vec<usize>),
    Matching(Query),
}

#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) states: Vec<JobState>,
    pub(crate) kinds: Vec<&'static str>,
    pub(crate) queues: Vec<&'static str>,
    pub(crate) text: Option<&'static str>,
}

pub(crate) fn ops() -> impl Strategy<Value = Vec<Op>> {
    vec(op(), 1..60)
}

/// As [`ops`], on a connection that is cut now and then.
pub(crate) fn ops_and_cuts() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        4 => op(),
        1 => any::<u32>().prop_map(Op::Cut),
    ];
    vec(op, 1..60)
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => vec(new(), 1..5).prop_map(Op::Insert),
        6 => claim(),
        2 => (0..INSTANCES).prop_map(Op::Renew),
        5 => vec((0..6_usize, then()), 1..4).prop_map(Op::Settle),
        2 => Just(Op::Sweep),
        3 => (1..=2_u32).prop_map(Op::Pass),
        1 => Just(Op::Pass(4)),
        1 => pick().prop_map(Op::Retry),
        1 => pick().prop_map(Op::Cancel),
        1 => pick().prop_map(Op::Delete),
        1 => (pick(), offset()).prop_map(|(pick, at)| Op::Reschedule(pick, at)),
        1 => select(&QUEUES[..]).prop_map(Op::Pause),
        1 => select(&QUEUES[..]).prop_map(Op::Resume),
        1 => (query(), 1..4_usize).prop_map(|(query, limit)| Op::List(query, limit)),
    ]
}

fn new() -> impl Strategy<Value = New> {
    let place = (select(&KINDS[..]), select(&QUEUES[..]), -1..=1_i8);
    let limits = (
        option::weighted(0.2, 1..5_u64),
        option::weighted(0.3, pause()),
    );
    (0..IDS, place, when(), limits).prop_map(|(id, (kind, queue, priority), due, limits)| New {
        id,
        kind,
        queue,
        priority,
        due,
        limit: limits.0,
        keep: limits.1,
    })
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        3 => Just(When::Now),
        1 => pause().prop_map(When::After),
        1 => offset().prop_map(When::At),
    ]
}

fn claim() -> impl Strategy<Value = Op> {
    let kinds = prop_oneof![
        3 => Just(KINDS.to_vec()),
        1 => subsequence(&KINDS[..], 0..=3),
    ];
    let queues = prop_oneof![
        3 => Just(Vec::new()),
        1 => subsequence(&QUEUES[..], 1..=2),
    ];
    let most = (1..5_usize, 0..3_usize);
    (0..INSTANCES, kinds, queues, most).prop_map(|(instance, kinds, queues, (limit, suspects))| {
        Op::Claim {
            instance,
            kinds,
            queues,
            limit,
            suspects,
        }
    })
}

fn then() -> impl Strategy<Value = Then> {
    prop_oneof![
        Just(Then::Done),
        Just(Then::Retry(0)),
        pause().prop_map(Then::Retry),
        pause().prop_map(Then::Snooze),
        Just(Then::Release),
        Just(Then::Untouched),
        Just(Then::Bury),
        Just(Then::Cancel),
    ]
}

fn pick() -> impl Strategy<Value = Pick> {
    prop_oneof![
        2 => vec(0..IDS, 0..4).prop_map(Pick::Ids),
        1 => query().prop_map(Pick::Matching),
    ]
}

fn query() -> impl Strategy<Value = Query> {
    let places = (
        subsequence(&KINDS[..], 0..=2),
        subsequence(&QUEUES[..], 0..=1),
    );
    let states = subsequence(&JobState::ALL[..], 0..=3);
    let states =
        (any::<bool>(), states).prop_map(|(all, states)| if all { Vec::new() } else { states });
    (states, places, option::weighted(0.3, select(&TEXTS[..]))).prop_map(
        |(states, (kinds, queues), text)| Query {
            states,
            kinds,
            queues,
            text,
        },
    )
}

fn pause() -> impl Strategy<Value = u32> {
    select(vec![1, 2, 4, 5, 8, 20])
}

fn offset() -> impl Strategy<Value = i32> {
    select(vec![-20, -5, -1, 1, 4, 8, 20])
}
