use super::{did_you_mean, list, nearest};

#[test]
fn the_nearest_name_wins_and_far_ones_are_not_offered() {
    assert_eq!(nearest("contnet", ["context", "content"]), Some("content"));
    assert_eq!(nearest("STYLE", ["style"]), Some("style"));
    assert_eq!(nearest("readme.md", ["README.md"]), Some("README.md"));
    assert_eq!(nearest("id", ["of", "it"]), Some("it"));
    assert_eq!(nearest("x", ["content"]), None);
    assert_eq!(nearest("audience", []), None);
}

#[test]
fn a_name_is_offered_only_if_it_is_near() {
    let known = ["kind", "prompt", "model", "version", "type"];
    assert_eq!(did_you_mean("promt", known), "; did you mean `prompt`?");
    assert_eq!(did_you_mean("knid", known), "; did you mean `kind`?");
    assert_eq!(did_you_mean("Model", known), "; did you mean `model`?");
    assert_eq!(did_you_mean("retries", known), "");
    assert_eq!(did_you_mean("", known), "");
}

#[test]
fn names_are_listed_with_commas() {
    assert_eq!(list(["a", "b", "c"]), "`a`, `b`, `c`");
    assert_eq!(list(["a"]), "`a`");
    assert_eq!(list([]), "");
}
