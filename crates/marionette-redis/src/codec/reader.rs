//! Reads the fields of a row one after another.

/// What is left of a row. Every method is `None` if the row is too short.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// An unsigned number of at most 8 bytes, the highest first.
    pub(crate) fn number(&mut self, count: usize) -> Option<u64> {
        let mut all = [0; 8];
        all[8 - count..].copy_from_slice(self.take(count)?);
        Some(u64::from_be_bytes(all))
    }

    pub(crate) fn number32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn text(&mut self, count: usize) -> Option<&'a str> {
        std::str::from_utf8(self.take(count)?).ok()
    }
}
