use super::Fences;

#[test]
fn a_fence_ends_at_one_of_its_own_kind_that_is_at_least_as_long() {
    let mut fences = Fences::default();
    let lines = [
        "a",
        "~~~~ md `x`",
        "~~~",
        "````",
        "~~~~ md",
        "   ~~~~~  ",
        "b",
    ];
    let inside: Vec<_> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| fences.feed(at, line))
        .collect();
    assert_eq!(inside, [false, true, true, true, true, true, false]);
    assert_eq!(fences.open_since(), None);
}
