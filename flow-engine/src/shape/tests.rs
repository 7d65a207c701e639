use std::collections::{BTreeMap, HashMap};
use std::panic::catch_unwind;

use super::*;

/// What is wrong with a requirement, if anything.
fn wrong(shape: Shape, path: &[Segment], need: char) -> Option<String> {
    wrong_after(0, shape, path, need)
}

fn wrong_after(known: usize, shape: Shape, path: &[Segment], need: char) -> Option<String> {
    let path: String = path.iter().map(Segment::written).collect();
    let requirement: Requirement = (path.leak(), known, need, "x", "--> p.md:1:1");
    let panic = catch_unwind(|| require(&shape, &[requirement])).err()?;
    let message = panic.downcast_ref::<String>().unwrap();
    let (message, at) = message.split_once('\n').unwrap();
    assert_eq!(at, "--> p.md:1:1");
    Some(message.to_owned())
}

enum Segment {
    Field(&'static str),
    Item,
    Index,
    Present,
}

impl Segment {
    fn written(&self) -> String {
        match self {
            Self::Field(name) => format!("{FIELD}{name}"),
            Self::Item => ITEM.to_string(),
            Self::Index => INDEX.to_string(),
            Self::Present => PRESENT.to_string(),
        }
    }
}

struct Foreign;

type Deep = Deeper<Deeper<End>>;

const META: Shape = Shape::Record {
    name: "Meta",
    fields: &[Field {
        name: Some("source"),
        shape: Shape::Text,
    }],
};

const ARTICLE: Shape = Shape::Record {
    name: "Article",
    fields: &[
        Field {
            name: Some("title"),
            shape: Shape::Text,
        },
        Field {
            name: Some("note"),
            shape: Shape::Optional(&META),
        },
        Field {
            name: None,
            shape: META,
        },
    ],
};

#[test]
fn a_field_must_be_there() {
    let exists = |name: &[Segment]| wrong(ARTICLE, name, EXISTS);
    assert_eq!(exists(&[Segment::Field("title")]), None);
    assert_eq!(exists(&[Segment::Field("source")]), None);
    assert_eq!(
        exists(&[Segment::Field("titel")]).unwrap(),
        "`Article` has no field `titel`; did you mean `title`?"
    );
    assert_eq!(
        exists(&[Segment::Field("sourec")]).unwrap(),
        "`Article` has no field `sourec`; did you mean `source`?"
    );
    assert_eq!(
        exists(&[Segment::Field("author")]).unwrap(),
        "`Article` has no field `author`; its fields are `title`, `note`, `source`"
    );
    assert_eq!(
        exists(&[Segment::Field("title"), Segment::Field("first")]).unwrap(),
        "`x` is a text and has no field `first`"
    );
}

#[test]
fn what_may_be_none_has_no_fields_and_is_not_printed() {
    let note: &[Segment] = &[Segment::Field("note")];
    assert_eq!(wrong(ARTICLE, note, EXISTS), None);
    assert_eq!(wrong(ARTICLE, note, LOOP), None);
    assert_eq!(
        wrong(ARTICLE, note, PRINT).unwrap(),
        "`x` may be none; guard it with `{% if x %}`, or say what else: `{{ x or \"…\" }}`"
    );
    assert_eq!(
        wrong(
            ARTICLE,
            &[Segment::Field("note"), Segment::Field("source")],
            EXISTS
        )
        .unwrap(),
        "`x` may be none, and then has no field `source`; guard it with `{% if x %}`"
    );
    assert_eq!(
        wrong(ARTICLE, &[Segment::Field("note"), Segment::Index], EXISTS).unwrap(),
        "`x` may be none, and then has no items; guard it with `{% if x %}`"
    );
    let guarded: &[Segment] = &[
        Segment::Field("note"),
        Segment::Present,
        Segment::Field("source"),
    ];
    assert_eq!(wrong(ARTICLE, guarded, PRINT), None);
    assert!(wrong(Shape::Nothing, &[], PRINT).is_some());
}

#[test]
fn only_lists_texts_and_objects_are_looped_over() {
    for shape in [
        Shape::Text,
        Shape::List(&Shape::Text),
        Shape::Map(&Shape::Text),
        ARTICLE,
        Shape::Any,
    ] {
        assert_eq!(wrong(shape, &[], LOOP), None, "{shape:?}");
    }
    assert_eq!(
        wrong(Shape::Number, &[], LOOP).unwrap(),
        "`x` is a number, and cannot be looped over"
    );
    assert!(wrong(Shape::Bool, &[], LOOP).is_some());
    // What the loop gives is not one more mistake.
    assert_eq!(wrong(Shape::Number, &[Segment::Item], PRINT), None);
}

#[test]
fn a_mistake_that_is_reported_elsewhere_is_not_reported_again() {
    let path: &[Segment] = &[Segment::Field("titel"), Segment::Field("first")];
    assert!(wrong_after(0, ARTICLE, path, EXISTS).is_some());
    assert_eq!(wrong_after(1, ARTICLE, path, EXISTS), None);
}

#[test]
fn of_what_is_not_described_everything_may_be_asked() {
    let path: &[Segment] = &[Segment::Field("a"), Segment::Index, Segment::Item];
    for need in [EXISTS, LOOP, PRINT] {
        assert_eq!(wrong(Shape::Any, path, need), None);
    }
    assert!(matches!(ShapeOf::<Foreign, Deep>::SHAPE, Shape::Any));
    assert!(matches!(ShapeOf::<Vec<Foreign>, Deep>::SHAPE, Shape::Any));
    assert!(matches!(
        ShapeOf::<HashMap<String, Vec<Foreign>>, Deep>::SHAPE,
        Shape::Any
    ));
}

#[test]
fn containers_are_described_with_what_they_hold() {
    assert!(matches!(
        ShapeOf::<Vec<Option<Box<u8>>>, Deep>::SHAPE,
        Shape::List(Shape::Optional(Shape::Number))
    ));
    assert!(matches!(
        ShapeOf::<Option<Option<String>>, Deep>::SHAPE,
        Shape::Optional(Shape::Text)
    ));
    assert!(matches!(
        ShapeOf::<BTreeMap<u8, [bool; 2]>, Deep>::SHAPE,
        Shape::Map(Shape::List(Shape::Bool))
    ));
    assert!(matches!(
        ShapeOf::<(u8, String), Deep>::SHAPE,
        Shape::List(Shape::Any)
    ));
}

#[test]
fn a_long_message_is_cut_at_a_character() {
    let long = "é".repeat(3000);
    let message = message::Message::new().with("x").with(&long);
    assert!(message.as_str().starts_with("xéé"));
    assert!(message.as_str().len() >= 2046);
}

#[test]
fn typos_are_counted_in_letters() {
    for (one, other, typos) in [
        ("", "", 0),
        ("a", "", 1),
        ("titel", "title", 1),
        ("Name", "name", 0),
        ("abc", "xbcd", 2),
    ] {
        assert_eq!(message::distance(one, other), typos, "{one} {other}");
        assert_eq!(message::distance(other, one), typos, "{one} {other}");
    }
    assert_eq!(message::distance(&"a".repeat(65), "a"), usize::MAX);
}

#[test]
fn an_attachment_is_an_input_that_is_printed_as_it_is() {
    const LIST: Shape = Shape::List(&Shape::Attachment);
    const INSIDE: Shape = Shape::Record {
        name: "Article",
        fields: &[Field {
            name: Some("photos"),
            shape: LIST,
        }],
    };
    const OPTIONAL: Shape = Shape::List(&Shape::Optional(&Shape::Attachment));
    for need in [PRINT, STAND] {
        assert_eq!(wrong(Shape::Attachment, &[], need), None);
        assert_eq!(wrong(LIST, &[Segment::Item], need), None);
        assert!(wrong(LIST, &[], need).is_some());
        assert!(
            wrong(INSIDE, &[], need)
                .unwrap()
                .contains("holds an attachment")
        );
        let photo: &[Segment] = &[Segment::Field("photos"), Segment::Item];
        assert!(
            wrong(INSIDE, photo, need)
                .unwrap()
                .contains("inside of other data")
        );
        let photo: &[Segment] = &[Segment::Item, Segment::Present];
        assert!(
            wrong(OPTIONAL, photo, need)
                .unwrap()
                .contains("inside of other data")
        );
    }
    assert!(wrong(Shape::Attachment, &[], TEXT).is_some());
    assert!(wrong(Shape::Attachment, &[], LOOP).is_some());
}

#[test]
fn only_scalars_become_another_text() {
    for shape in [Shape::Text, Shape::Number, Shape::Bool, Shape::Any] {
        assert_eq!(wrong(shape, &[], TEXT), None);
    }
    for shape in [
        Shape::Optional(&Shape::Text),
        Shape::List(&Shape::Text),
        ARTICLE,
        Shape::Nothing,
    ] {
        assert!(wrong(shape, &[], TEXT).is_some(), "{shape:?}");
    }
}

#[test]
fn all_mistakes_of_an_input_are_told_together() {
    let requirements: [Requirement; 3] = [
        ("\u{1}titel", 0, EXISTS, "x", "--> p.md:1:1"),
        ("\u{1}title", 0, PRINT, "x", "--> p.md:1:2"),
        ("\u{1}note", 0, PRINT, "x.note", "--> p.md:1:3"),
    ];
    let panic = catch_unwind(|| require(&ARTICLE, &requirements)).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert_eq!(
        message,
        "`Article` has no field `titel`; did you mean `title`?\n--> p.md:1:1\n\n`x.note` may be none; guard it with \
         `{% if x.note %}`, or say what else: `{{ x.note or \"…\" }}`\n--> p.md:1:3"
    );
}
