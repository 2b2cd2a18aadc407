//! What a seed decides before the world begins.

use std::time::Duration;

use fastrand::Rng;

/// What a seed decides before the world begins; the rest it decides on the way.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)] // Each is a kind of misfortune, and any may be there.
pub struct Plan {
    /// The length of a lease.
    pub lease: Duration,
    /// The time between sweeps.
    pub sweep: Duration,
    /// The longest wait for work.
    pub poll: Duration,
    /// How many managers there are.
    pub processes: usize,
    /// How many workers each has.
    pub workers: usize,
    /// The time before faults end.
    pub turmoil: Duration,
    /// The mean time between two events of the world.
    pub pause: Duration,
    /// The number of calls in a thousand that go wrong.
    pub faults: u32,
    /// Whether managers crash.
    pub crashes: bool,
    /// Whether links are cut.
    pub cuts: bool,
    /// Whether there are jobs that kill their process.
    pub poison: bool,
    /// Whether wall clocks are off by some seconds from the start.
    pub skew: bool,
    /// Whether wall clocks jump.
    pub jumps: bool,
    /// Whether machines are suspended: their monotonic clock stands still meanwhile.
    pub suspends: bool,
    /// Whether the store forgets its last claims now and then, as a server does that fails over.
    pub forgets: bool,
}

impl Plan {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let lease = Duration::from_secs([3, 6, 15, 15, 30][rng.usize(..5)]);
        Self {
            lease,
            sweep: lease / [2, 3, 5][rng.usize(..3)],
            poll: Duration::from_secs([1, 5, 10][rng.usize(..3)]),
            processes: rng.usize(1..=3),
            workers: rng.usize(1..=4),
            turmoil: Duration::from_secs(3_600),
            pause: Duration::from_secs(rng.u64(5..=60)),
            faults: [0, 10, 50, 200][rng.usize(..4)],
            crashes: rng.u8(..4) > 0,
            cuts: rng.bool(),
            poison: rng.u8(..4) == 0,
            skew: rng.bool(),
            jumps: rng.bool(),
            suspends: rng.u8(..4) == 0,
            forgets: rng.u8(..3) == 0,
        }
    }
}
