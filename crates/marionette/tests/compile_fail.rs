//! Code that does not compile gets a message that says what to do instead. The expected texts come
//! from the compiler in rust-toolchain.toml; `TRYBUILD=overwrite` writes them anew.

#[test]
fn what_cannot_be_queued_explains_itself() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
