//! What the compiler says about values of the wrong type: the type's own words, on the expression.

#[test]
fn diagnostics() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
