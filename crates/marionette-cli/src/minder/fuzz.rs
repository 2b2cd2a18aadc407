//! What holds for the messages between an instance and its minder, and for the output of commands,
//! whatever their bytes are.

use super::last_line::LastLine;
use super::{News, Order};
use crate::command::Veil;
use crate::console::text::is_obeyed;

/// Any bytes are a message that can be told again, or are refused.
pub(crate) fn message(bytes: &[u8]) {
    if let Ok(order) = serde_json::from_slice::<Order>(bytes) {
        let told = serde_json::to_vec(&order).expect("it can be told");
        let again: Order = serde_json::from_slice(&told).expect("it is understood");
        assert_eq!(serde_json::to_vec(&again).expect("as above"), told);
    }
    if let Ok(word) = serde_json::from_slice::<News>(bytes) {
        let told = serde_json::to_vec(&word).expect("it can be told");
        serde_json::from_slice::<News>(&told).expect("it is understood");
    }
}

/// Any output has a last line that can be shown, however it comes in.
pub(crate) fn output(bytes: &[u8]) {
    for size in [1, 7, bytes.len().max(1)] {
        let mut line = LastLine::default();
        bytes.chunks(size).for_each(|piece| line.push(piece));
        if let Some(told) = line.get(&Veil::default()) {
            assert!(!told.contains(is_obeyed), "{told:?}");
            assert!(told.len() < 16 * 1024, "{} bytes", told.len());
        }
    }
}
