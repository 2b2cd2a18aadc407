//! Writes the counted instructions into the committed file.

fn main() {}
