use super::prompt_id;

#[test]
fn the_id_is_the_plain_sha_256_of_the_text() {
    assert_eq!(
        prompt_id("abc"),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

#[test]
fn line_endings_and_a_byte_order_mark_do_not_count_but_all_else_does() {
    assert_eq!(prompt_id("\u{feff}a\r\nb\r\n"), prompt_id("a\nb\n"));
    assert_ne!(prompt_id("a\nb"), prompt_id("a\nb\n"));
    assert_ne!(
        prompt_id("---\nseed: 1\n---\na"),
        prompt_id("---\nseed: 2\n---\na")
    );
}
