//! What a process knows of its server from one connection to the next.

use std::cell::{Cell, RefCell};

use super::proof::Proof;

/// What is known of the server, and what a person has to be told of.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// The name of the data: another one is other data.
    data: RefCell<Option<Vec<u8>>>,
    has_lost: Cell<bool>,
    trouble: RefCell<Option<String>>,
    /// What the server is asked behind a change.
    proof: Cell<Option<Proof>>,
    /// Whether a server has kept what the settings ask for.
    is_kept: Cell<bool>,
}

impl Findings {
    /// Whether no connection was ever complete.
    pub(super) fn is_first(&self) -> bool {
        self.data.borrow().is_none()
    }

    /// Notes the name of the data that the store has now.
    pub(super) fn data_is(&self, name: Vec<u8>) {
        let before = self.data.replace(Some(name));
        if before.is_some() && before != *self.data.borrow() {
            self.has_lost.set(true);
        }
    }

    /// The name of the data that the store has: 32 hexadecimal digits.
    pub(crate) fn data_name(&self) -> String {
        let name = self.data.borrow();
        String::from_utf8_lossy(name.as_deref().unwrap_or_default()).into_owned()
    }

    /// Notes what is wrong with the settings of the server, which does not forbid to go on.
    pub(super) fn trouble_is(&self, trouble: Option<String>) {
        self.trouble.replace(trouble);
    }

    /// Notes what the server can be asked behind a change.
    pub(super) fn proof_is(&self, proof: Option<Proof>) {
        self.proof.set(proof);
    }

    pub(super) fn proof(&self) -> Option<Proof> {
        self.proof.get()
    }

    /// Notes that a server has kept what the settings ask for.
    pub(super) fn keeps(&self) {
        self.is_kept.set(true);
    }

    pub(super) fn is_kept(&self) -> bool {
        self.is_kept.get()
    }

    /// Whether the server has other data than before since this was asked last.
    pub(crate) fn take_lost(&self) -> bool {
        self.has_lost.take()
    }

    /// What a person has to be told of about the settings of the server.
    pub(crate) fn warning(&self) -> Option<String> {
        self.trouble.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_of_another_name_are_told_once() {
        let findings = Findings::default();
        assert!(findings.is_first());
        findings.data_is(b"a".to_vec());
        findings.data_is(b"a".to_vec());
        assert!(!findings.is_first());
        assert!(!findings.take_lost());
        findings.data_is(b"b".to_vec());
        findings.data_is(b"b".to_vec());
        assert!(findings.take_lost());
        assert!(!findings.take_lost());
    }
}
