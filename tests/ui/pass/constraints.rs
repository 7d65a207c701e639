//! The forms of a constraint.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::num::NonZero;

use flow_engine::prelude::*;
use flow_engine::{Error, json};

const LONGEST: usize = 80;

/// A type of another crate, without constraints.
#[derive(Debug, Clone, Default)]
pub(crate) struct Foreign;

#[derive(Debug)]
struct Blank;

impl fmt::Display for Blank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is blank")
    }
}

fn not_blank(text: &str) -> Result<(), Blank> {
    if text.trim().is_empty() {
        Err(Blank)
    } else {
        Ok(())
    }
}

fn distinct(tags: &[String]) -> Result<(), String> {
    let all: HashSet<_> = tags.iter().collect();
    if all.len() == tags.len() {
        Ok(())
    } else {
        Err("a tag is there twice".to_owned())
    }
}

/// All constraints, on all that they are for.
#[data]
#[serde(rename_all = "camelCase")]
struct Page {
    #[check(length(min = 1, max = LONGEST), pattern = r"^\p{L}", custom = not_blank)]
    short_title: String,
    #[check(length(max = 2), custom = distinct)]
    tags: Vec<String>,
    #[check(length(max = 2))]
    names: BTreeMap<String, Slug>,
    #[check(range(min = -1.5))]
    score: f32,
    #[check(range(max = 5_000_000_000))]
    bytes: Option<u64>,
    #[check(range(min = 2))]
    copies: NonZero<u8>,
    #[check(length(max = 3), custom = |text: &str| not_blank(text))]
    #[serde(rename = "note")]
    remark: Option<Box<str>>,
    #[cfg(any())]
    #[check(length(max = 3))]
    left_out: Nothing,
    #[serde(skip)]
    foreign: Vec<Foreign>,
    kind: Kind,
    below: Vec<Self>,
    any: Wrapped<Slug>,
    #[serde(flatten)]
    more: More,
}

#[data]
struct More {
    #[check(range(max = 3))]
    r#type: i32,
    size: Size,
}

#[data]
#[serde(transparent)]
struct Size {
    #[check(range(max = 4))]
    bytes: i32,
}

/// A newtype is its value.
#[data]
struct Slug(#[check(pattern = "^[a-z]+$")] String);

/// The values of a type parameter are not looked at; its own fields are.
#[data]
struct Wrapped<T> {
    inner: Option<T>,
    #[check(length(max = 1))]
    all: Vec<T>,
}

#[data]
enum Kind {
    News,
    Essay {
        #[check(range(min = 1))]
        pages: u32,
    },
    Pair(Slug, #[check(range(max = 9))] u8),
    #[cfg(any())]
    LeftOut(Nothing),
}

#[data]
enum Never {}

#[step]
async fn publish(
    page: Page,
    #[input(default = "plain", length(max = LONGEST), pattern = "^[a-z]+$", custom = not_blank)]
    style: String,
    #[input(unused, range(min = 1, max = 3))] copies: Option<u8>,
    #[input(custom = not_blank)] note: Option<String>,
) -> usize {
    page.tags.len() + style.len() + usize::from(copies.unwrap_or(0)) + note.map_or(0, |n| n.len())
}

/// A constraint may come from a macro.
macro_rules! limited {
    ($name:ident, $($constraint:tt)*) => {
        #[data]
        struct $name {
            #[check($($constraint)*, length(min = 1))]
            text: String,
        }
    };
}

limited!(Limited, custom = not_blank, pattern = "a");

fn page() -> Page {
    Page {
        short_title: "Über".to_owned(),
        tags: vec![],
        names: BTreeMap::new(),
        score: 0.0,
        bytes: None,
        copies: NonZero::<u8>::MAX,
        remark: None,
        foreign: vec![Foreign],
        kind: Kind::News,
        below: vec![],
        any: Wrapped {
            inner: None,
            all: vec![],
        },
        more: More {
            r#type: 1,
            size: Size { bytes: 1 },
        },
    }
}

fn slug(text: &str) -> Slug {
    Slug(text.to_owned())
}

/// What is said of a page, without what stands before every such message.
fn said(edit: impl FnOnce(&mut Page)) -> String {
    let mut page = page();
    edit(&mut page);
    let error: Error = publish(page).check_inputs().unwrap_err();
    let said = error.to_string();
    let said = said.strip_prefix("the input `page` does not hold: at ");
    said.unwrap().to_owned()
}

#[test]
fn a_constraint_may_come_from_a_macro() {
    #[step]
    async fn print(all: Vec<Limited>, none: Option<Never>) -> usize {
        all.len() + usize::from(none.is_some())
    }
    let text = "b".to_owned();
    let error = print(vec![Limited { text }]).check_inputs();
    let said = "the input `all` does not hold: at `[0].text`: does not match pattern /a/";
    assert_eq!(error.unwrap_err().to_string(), said);
}

#[test]
fn what_holds_is_let_through() {
    publish(page()).copies(3).note("n").check_inputs().unwrap();
    let full = Page {
        tags: vec!["a".to_owned(), "b".to_owned()],
        names: BTreeMap::from([("x".to_owned(), slug("a"))]),
        bytes: Some(5_000_000_000),
        remark: Some("abc".into()),
        kind: Kind::Pair(slug("a"), 9),
        below: vec![page()],
        ..page()
    };
    publish(full).check_inputs().unwrap();
}

#[test]
fn each_form_is_checked_and_named_as_in_the_json() {
    let cases = [
        (
            said(|page| page.short_title = " ".to_owned()),
            "`shortTitle`: does not match pattern /^\\p{L}/; at `shortTitle`: it is blank",
        ),
        (
            said(|page| page.tags = vec!["a".to_owned(), "a".to_owned()]),
            "`tags`: a tag is there twice",
        ),
        (
            said(|page| page.names.extend([("x".to_owned(), slug(""))])),
            "`names.x`: does not match pattern /^[a-z]+$/",
        ),
        (said(|page| page.score = -2.0), "`score`: lower than -1.5"),
        (
            said(|page| page.bytes = Some(5_000_000_001)),
            "`bytes`: greater than 5000000000",
        ),
        (
            said(|page| page.copies = NonZero::<u8>::MIN),
            "`copies`: lower than 2",
        ),
        (
            said(|page| page.remark = Some(" ".into())),
            "`note`: it is blank",
        ),
        (
            said(|page| page.kind = Kind::Essay { pages: 0 }),
            "`kind.pages`: lower than 1",
        ),
        (
            said(|page| page.kind = Kind::Pair(slug("1"), 10)),
            "`kind[0]`: does not match pattern /^[a-z]+$/; at `kind[1]`: greater than 9",
        ),
        (
            said(|page| {
                page.below = vec![
                    self::page(),
                    Page {
                        score: -2.0,
                        ..self::page()
                    },
                ];
            }),
            "`below[1].score`: lower than -1.5",
        ),
        (
            said(|page| page.any.all = vec![slug("a"), slug("1")]),
            "`any.all`: length is greater than 1",
        ),
        (said(|page| page.more.r#type = 4), "`type`: greater than 3"),
        (
            said(|page| page.more.size.bytes = 5),
            "`size`: greater than 4",
        ),
    ];
    for (said, expected) in cases {
        assert_eq!(said, expected);
    }
}

#[test]
fn an_input_has_the_constraints_of_a_field() {
    let error = publish(page())
        .style(" ")
        .copies(0)
        .note(" ")
        .check_inputs();
    assert_eq!(
        error.unwrap_err().to_string(),
        "the input `style` does not hold: does not match pattern /^[a-z]+$/; it is blank; \
         the input `copies` does not hold: lower than 1; the input `note` does not hold: it is blank"
    );
    let schema = Publish::input_schema();
    assert_eq!(
        schema["properties"]["style"],
        json!({ "type": "string", "maxLength": 80, "pattern": "^[a-z]+$", "default": "plain" })
    );
    let fields = &schema["$defs"]["Page"]["properties"];
    assert_eq!(fields["names"]["maxProperties"], 2);
    assert_eq!(fields["bytes"]["maximum"], 5_000_000_000_u64);
    assert_eq!(fields["note"]["maxLength"], 3);
    let variants = &schema["$defs"]["Kind"]["oneOf"];
    assert_eq!(
        variants[1]["properties"]["Essay"]["properties"]["pages"]["minimum"],
        1
    );
    assert_eq!(
        variants[2]["properties"]["Pair"]["prefixItems"][1]["maximum"],
        9
    );
    assert_eq!(schema["$defs"]["Slug"]["pattern"], "^[a-z]+$");
}
