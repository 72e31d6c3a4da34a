//! One file per diagnostic: what the compiler says to somebody who wrote an attribute wrongly.

#[test]
fn diagnostics() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
