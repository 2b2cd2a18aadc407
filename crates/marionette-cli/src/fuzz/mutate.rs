//! Makes inputs from others: one seed makes the same inputs everywhere and always.

/// Longer inputs cost time and find nothing new.
const BYTES_MAX: usize = 16 * 1024;

/// Pieces that mean something to some reader, and sequences that a terminal obeys.
const PIECES: [&[u8]; 44] = [
    b"\0",
    b"\n",
    b"\r\n",
    b"\t",
    b" ",
    b"\"",
    b"'",
    b"\\",
    b"`",
    b"$(",
    b"${",
    b"}",
    b"{}",
    b"{1}",
    b"{/.}",
    b"{#}",
    b"[[task]]\n",
    b"= ",
    b"[",
    b"]",
    b"{",
    b",",
    b":",
    b"#",
    b"&&",
    b"|",
    b"<<E\n",
    b"\x1b[31m",
    b"\x1b]52;c;A\x07",
    b"\x1b[2K",
    b"\x08",
    b"\xc2\x9b",
    b"\xe2\x80\xae",
    b"\xff",
    b"\xf0\x9f\x8e\xad",
    b"-1",
    b"0",
    b"18446744073709551615",
    b"1e308",
    b"-9223372036854775808",
    b"9999999999999999999999d",
    b"sqlite:",
    b"~/",
    b"2026-02-30",
];

/// The source of random numbers, a `SplitMix64` generator.
pub(super) struct Mutator(u64);

impl Mutator {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A random number below `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("it is below a usize")
    }

    fn of<'a, T: AsRef<[u8]>>(&mut self, all: &'a [T]) -> &'a [u8] {
        all[self.below(all.len())].as_ref()
    }

    /// One input of the corpus, or several joined, with some changes.
    pub(super) fn input<T: AsRef<[u8]>>(&mut self, corpus: &[T]) -> Vec<u8> {
        let mut bytes = self.of(corpus).to_vec();
        for _ in 0..self.below(8) {
            self.change(&mut bytes, corpus);
        }
        bytes.truncate(BYTES_MAX);
        bytes
    }

    fn change<T: AsRef<[u8]>>(&mut self, bytes: &mut Vec<u8>, corpus: &[T]) {
        let place = self.below(bytes.len() + 1);
        let end = place + self.below(bytes.len() - place + 1);
        match self.below(8) {
            0 if place < bytes.len() => bytes[place] ^= 1 << self.below(8),
            1 if place < bytes.len() => {
                bytes[place] = u8::try_from(self.below(256)).expect("it is below 256");
            }
            2 => drop(bytes.drain(place..end)),
            3 => {
                let piece = bytes[place..end].to_vec();
                let piece = &piece[..piece.len().min(64)];
                let copies = piece.repeat(1 + self.below(200));
                bytes.splice(place..place, copies);
            }
            4 => {
                let other = self.of(corpus);
                let from = self.below(other.len() + 1);
                bytes.splice(place..end, other[from..].iter().copied());
            }
            5 => bytes.truncate(place),
            _ => {
                let piece = self.of(&PIECES);
                bytes.splice(place..place, piece.iter().copied());
            }
        }
        bytes.truncate(BYTES_MAX);
    }
}

#[test]
fn a_seed_makes_the_same_input_and_another_makes_another() {
    let corpus: [&[u8]; 2] = [b"one two three", b"[[task]]\nrun = 'true'\n"];
    let inputs = |from: u64| -> Vec<_> {
        (from..from + 50)
            .map(|seed| Mutator::new(seed).input(&corpus))
            .collect()
    };
    assert_eq!(inputs(7), inputs(7));
    let mut different = inputs(0);
    different.sort();
    different.dedup();
    assert!(different.len() > 30, "{}", different.len());
}
