//! The vectors were computed by another program, in another language, from the description of the encoding.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{Hash, Identity};

/// Hashes for the purpose `test`, and the JSON texts that they are of.
const VECTORS: &str = r#"
58af8bd62494a3991296f8fddb99d06f0b2467e8186ce02f8487da12bfb36036 null
b8a35a8ed2037476abedef300dba92392469128894ec021803443e3014442192 true
cd494f959d06fc24c6b763723f9d8270e0f402ac351d152a79b0a5f646f8f3d0 false
bdf3cc85065f88709861a3694ebd902a5a77a419247ea79f12d9c5b123b757f6 0
2dcfde45fcf993fdc572a6f61515ffb692039f89e71b43527619035599ab9376 -1
df89f9d77335f1feca64d67a933a04d4fa300997ccdbe4235bd9d18c295e82f4 9007199254740993
2f39179f20f327955a649f4d8a4899a0940ac004d3035470a2a018ad203128e0 18446744073709551615
de73a3427dc19e3bb41a9da83ab5b51d98c81f1d13305895e8dcd5fbf5834691 -9223372036854775808
bb1252aecb2515e7a806dd96c7f4b873bda3e2b57c0ba48ecd5e3fcde19dfad8 0.0
c1949f2cde9f63f6f15777ebdce4e9301a1cb0c2f3001e2b85e0c995283f9dd5 -0.0
b37e085283010c118caad3274795be37c816e100cfc5ac03872f51bc654e75c1 1.0
855c10f7b215fc42e7e69cfd94c7f93a61d63b664f9785e2b28d9f6cfad40093 0.1
afd43a3af1c5bef788176acc19c00fe8a2dc0db8f0d284e364640850f59162ed -2.5
4c0273c12df34d741df5ad1fcb81e74db7d389092fec4879cc578cdf820e0b76 1e300
9462824a6848ba6a05107641ca200cf4b7b0bea82260c7adef00aaf2fd2912b9 5e-324
9e53a9e2442ea1fa317705fe0c4d99066f09089b3054ab0dd65518fc8c0fb81d 1.7976931348623157e308
b2ab3c02e42d9d2c97474071a93e2001d9ffcd44f741f07086684b3fae3c6c0d ""
0ac83ea70abf4f5014015581f7f494be5c0798f674d309684807af9b64cbda86 "1"
abad0aade585885f8a5890bec7bade1711c5c953b2f43bff3707e89e25b47d3c "a\u0000\n"
5254f1a5d0116873c49858ba0f4964cbe55a2ff0b991e3a9a013785b446e104c "\u00e9"
e00ef1b9b994885edd67b99e7ddb3f63b8e37eb6d1a6b52f1ea18a66ce474b23 "e\u0301"
861344b56454f858186b8f90959136296fe3c5a051f0194b2cf5f497b40543e9 "𝄞"
60ab1261f249f43aea192f22f61cc84191bf97233c461a39d56979d03e81a819 []
1d3853b2944f73ae22ea8e07d04f1260519d97bbccdeee6d17eee1008eaba922 [[]]
5740f4db4e26384b54ff18fd9c26d9aa3ef24b5a4703e940073b56b930d06aad ["ab"]
b189f4afcec010d5a7071e28326aa42461f593ce2c102a12db92bc9064701ab1 ["a","b"]
44cce7e4ea36563cce832330ae55fba342d500fd926141ef53689dee6a877c04 [null,true,1,1.0,"1"]
b3a199b649fd9c0e9f751b6300d34bb9d203150f8720c71f362806f8afdb9dcc {}
86e0a9e056bc7a29f78ccc01c80d43c596cf887bf600d4368ce875fca65538f4 {"":{}}
8e460fdf0ac04a8795f92d739a3411a9cdbbcbff2972527ab18a9efcfa94b681 {"a":[]}
eed7bcb65747cc8ee1998101784c4f380c22c7995ec725786b78c043a97c1ce9 {"ﬀ":1,"𐀀":2,"a":3,"B":4}
ca5782ad163c81d21d00f855e869aa7fe8bd39ccbe3e2c8dfee22bd5babb75d3 {"model":"m","temperature":0.2,"messages":[{"text":"Hi."}]}
"#;

/// Numbers that are all there only under `serde_json`'s `arbitrary_precision`.
const EXACT_VECTORS: &str = "
5d3a9a4b7982086fbe45a5dff69c56e1a24fc88015dcdb6487d1537eb97b19e4 18446744073709551616
223afc7fe12fb6f85977909d41c1be254e1f0ea983b06bdb0657589e96a0025b -9223372036854775809
fcd6201bd6509452c69160268e94c44ace33df53304b3154c607ed5050c774a9 123456789012345678901234567890
dac89872f26e662242cbbb2ec443173061a13c4095b7e343f307db4381c13326 123456789012345678901234567891
9eb92b13d794b104d55cc45f140c72a2ef1c7984d558ab0a877cc98610b20f62 1e400
1ed7a3f0b2e26616cb1e7f3d0878e6127c700d5d4ffb908773153e6336fe2f4d 0.1000000000000000055511151231257827
07a238c3679c3ab7a383b086b40fa2954521644622cb1eea8eb1df233133b1ee 0.10
";

/// Each hash and its text.
fn lines(vectors: &str) -> impl Iterator<Item = (&str, &str)> {
    vectors
        .trim()
        .lines()
        .map(|line| line.split_once(' ').unwrap())
}

/// Whether `serde_json` keeps the digits of every number.
fn numbers_are_exact() -> bool {
    const DIGITS: &str = "123456789012345678901234567890";
    format!("{}", parsed(DIGITS)) == DIGITS
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

fn hash(json: &str) -> Hash {
    Hash::of("test", &parsed(json))
}

fn all_differ(jsons: &[&str]) {
    let hashes: HashSet<_> = jsons.iter().map(|json| hash(json)).collect();
    assert_eq!(hashes.len(), jsons.len(), "two are the same of {jsons:?}");
}

#[test]
fn hashes_are_as_described() {
    for (expected, json) in lines(VECTORS) {
        assert_eq!(hash(json).to_string(), expected, "{json}");
    }
}

#[test]
fn exact_numbers_are_hashed_as_described() {
    if numbers_are_exact() {
        for (expected, json) in lines(EXACT_VECTORS) {
            assert_eq!(hash(json).to_string(), expected, "{json}");
        }
    }
}

#[test]
fn values_that_differ_have_hashes_that_differ() {
    let jsons: Vec<_> = lines(VECTORS).map(|(_, json)| json).collect();
    all_differ(&jsons);
}

#[test]
fn a_call_s_key_is_as_described() {
    let content = Hash::of("content", &json!({ "topic": "rain" }));
    let schema = Hash::of("schema", &json!({ "type": "object" }));
    let key = |schema| {
        Identity::new("summarize", 3, content, schema)
            .key
            .to_string()
    };
    assert_eq!(
        key(Some(schema)),
        "b93a9aec3ca15b93813b9f3c0eb52c9b53e24202427dcafca0bee7ba3943bfcc"
    );
    assert_eq!(
        key(None),
        "2ef5d3bf25622bc5f9cbbc1f759a09411fd6a50da208c032dbf46125ef55f71f"
    );
}

#[test]
fn a_value_read_back_from_its_text_has_the_same_hash() {
    for (_, json) in lines(VECTORS) {
        assert_eq!(hash(&parsed(json).to_string()), hash(json), "{json}");
    }
}

#[test]
fn the_order_of_keys_does_not_matter() {
    assert_eq!(
        hash(r#"{"a": 1, "b": {"c": 2, "d": 3}}"#),
        hash(r#"{"b": {"d": 3, "c": 2}, "a": 1}"#)
    );
}

#[test]
fn integers_of_every_width_are_the_same() {
    let hash = |value: Value| Hash::of("test", &value);
    assert_eq!(hash(Value::from(7_u8)), hash(Value::from(7_i64)));
    assert_eq!(hash(json!(7_u128)), hash(json!(7_i32)));
    assert_eq!(hash(json!(-7_i128)), hash(json!(-7_i8)));
}

#[test]
fn numbers_that_print_differently_differ() {
    all_differ(&["1", "1.0", "-1", "\"1\""]);
    all_differ(&["0", "0.0", "-0.0"]);
    all_differ(&["9007199254740992", "9007199254740993", "9007199254740992.0"]);
    all_differ(&["18446744073709551614", "18446744073709551615"]);
    all_differ(&["-9223372036854775808", "-9223372036854775807"]);
    assert_ne!(hash("-0"), hash("0"));
}

#[test]
fn exact_numbers_differ() {
    if numbers_are_exact() {
        let exact = lines(EXACT_VECTORS).map(|(_, json)| json);
        let close = [
            "0.1",
            "1e401",
            "1e300",
            "18446744073709551615",
            "18446744073709551616.0",
        ];
        all_differ(&exact.chain(close).collect::<Vec<_>>());
    }
}

#[test]
fn where_elements_and_texts_begin_and_end_matters() {
    all_differ(&[
        r#"["ab"]"#,
        r#"["a", "b"]"#,
        r#"["", "ab"]"#,
        r#"["a", ["b"]]"#,
        r#"{"a": "b"}"#,
    ]);
    all_differ(&["[1, 2]", "[2, 1]", "[12]", "[[1, 2]]"]);
    all_differ(&[r#"{"ab": "c"}"#, r#"{"a": "bc"}"#]);
    all_differ(&[r#""a""#, r#""a\u0000""#]);
}

#[test]
fn empty_values_differ() {
    all_differ(&[
        "null", "false", "0", r#""""#, "[]", "{}", "[null]", "[[]]", "[{}]",
    ]);
}

#[test]
fn text_is_not_normalised() {
    all_differ(&[r#""\u00e9""#, r#""e\u0301""#, r#""e""#]);
    assert_eq!(hash(r#""\u00e9""#), hash("\"é\""));
}

#[test]
fn purposes_differ() {
    let value = json!("a");
    assert_ne!(Hash::of("content", &value), Hash::of("schema", &value));
    assert_ne!(Hash::of("", &value), Hash::of("\0", &value));
}

#[test]
fn an_object_hashes_as_its_value() {
    let value = json!({ "b": [1, 2.5], "a": {} });
    let object = value.as_object().unwrap();
    assert_eq!(Hash::of_object("test", object), Hash::of("test", &value));
}

#[test]
fn deep_values_are_hashed() {
    let nested = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(
        hash(&nested).to_string(),
        "49188ded106c3ec3572eb4260a0167f9f9233499244c2a7b4e63ca48220125fd"
    );
    let deeper = (0..128).fold(Value::Null, |inner, _| json!({ "inner": [inner] }));
    assert_ne!(
        Hash::of("test", &deeper),
        Hash::of("test", &deeper["inner"])
    );
}

#[test]
fn a_label_is_the_beginning_of_the_hash() {
    let hash = hash("null");
    assert_eq!(hash.short().len(), 16);
    assert!(hash.to_string().starts_with(&hash.short()));
    assert_eq!(hash.to_string().len(), 64);
}

#[test]
fn every_part_of_a_call_changes_its_key() {
    let (one, two) = (Hash::of("test", &json!(1)), Hash::of("test", &json!(2)));
    let identities = [
        Identity::new("a", 1, one, Some(two)),
        Identity::new("b", 1, one, Some(two)),
        Identity::new("a", 2, one, Some(two)),
        Identity::new("a", 1, two, Some(two)),
        Identity::new("a", 1, one, Some(one)),
        Identity::new("a", 1, one, None),
        Identity::new("a", 1, two, Some(one)),
        Identity::new("a", 11, one, Some(two)),
        Identity::new("a1", 1, one, Some(two)),
    ];
    let keys: HashSet<_> = identities.iter().map(|identity| identity.key).collect();
    assert_eq!(keys.len(), identities.len());
    assert_eq!(identities[0], Identity::new("a", 1, one, Some(two)));
    assert_eq!(
        (identities[0].content, identities[0].schema),
        (one, Some(two))
    );
}
