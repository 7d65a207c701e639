use super::text_id;

#[test]
fn the_id_is_the_plain_sha_256_of_the_text() {
    assert_eq!(
        text_id("abc"),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

#[test]
fn line_endings_and_a_byte_order_mark_do_not_count_but_all_else_does() {
    assert_eq!(text_id("\u{feff}a\r\nb\r\n"), text_id("a\nb\n"));
    assert_ne!(text_id("a\nb"), text_id("a\nb\n"));
    assert_ne!(
        text_id("---\nseed: 1\n---\na"),
        text_id("---\nseed: 2\n---\na")
    );
}
