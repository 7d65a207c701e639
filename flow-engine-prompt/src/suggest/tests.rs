use super::nearest;

#[test]
fn the_nearest_name_wins_and_far_ones_are_not_offered() {
    assert_eq!(nearest("contnet", ["context", "content"]), Some("content"));
    assert_eq!(nearest("STYLE", ["style"]), Some("style"));
    assert_eq!(nearest("id", ["of", "it"]), Some("it"));
    assert_eq!(nearest("x", ["content"]), None);
    assert_eq!(nearest("audience", []), None);
}
