//! What a user of the macros may write, and what rustc says of a mistake: one case a file.

#[test]
fn every_mistake_is_reported_where_it_is_and_with_what_is_right() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    cases.compile_fail("ui/fail/*.rs");
}
