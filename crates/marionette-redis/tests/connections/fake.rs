//! A peer that answers as a test says.
