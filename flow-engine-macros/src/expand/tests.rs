use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Item, LitStr};

use super::call;
use crate::model::Role;

/// The first lines of the errors in an expansion, and the names of the fns and types in it.
fn expanded(role: Role, arguments: TokenStream, item: TokenStream) -> (Vec<String>, Vec<String>) {
    let (mut errors, mut names) = (Vec::new(), Vec::new());
    for item in syn::parse2::<syn::File>(call(role, arguments, item))
        .unwrap()
        .items
    {
        match item {
            Item::Macro(error)
                if error
                    .mac
                    .path
                    .to_token_stream()
                    .to_string()
                    .ends_with("compile_error") =>
            {
                let message = error.mac.parse_body::<LitStr>().unwrap().value();
                errors.push(message.lines().next().unwrap().to_owned());
            }
            Item::Fn(item) => names.push(item.sig.ident.to_string()),
            Item::Struct(item) => names.push(item.ident.to_string()),
            _ => {}
        }
    }
    (errors, names)
}

#[test]
fn a_right_item_has_no_errors() {
    let item = quote!(
        async fn shorten(content: String, style: String) -> String;
    );
    let (errors, names) = expanded(Role::Step, quote!(), item);
    assert_eq!(errors, [""; 0]);
    assert_eq!(names, ["Shorten", "shorten"]);
}

/// cargo watches what a program includes.
#[test]
fn a_prompt_is_a_part_of_the_build_so_that_editing_it_rebuilds() {
    let item = quote!(
        async fn shorten(content: String, style: String) -> String;
    );
    let code = call(Role::Step, quote!(), item).to_string();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/prompts/shorten.md");
    assert!(
        code.contains(&format!("include_str ! ({file:?})")),
        "{code}"
    );
}

#[test]
fn all_mistakes_of_an_item_are_reported_at_once_and_the_item_is_there() {
    let item = quote! {
        fn shorten(
            content: &str,
            #[input(defualt = 1)] words: u32,
            #[state] #[input(default)] client: &Client,
            #[serde(skip)] tags: Vec<&str>,
            execute: Option<bool>,
        ) -> Result<String> {
        }
    };
    let (errors, names) = expanded(
        Role::Step,
        quote!(kind = "structred", promt = "x.md", version = 0),
        item,
    );
    let expected = [
        "there is no argument `promt`; did you mean `prompt`?",
        "`version` takes a whole number of at least 1",
        "a step or a flow is an async fn: write `async fn`",
        "an input must be owned, because it is recorded and may be read back later",
        "there is no argument `defualt`; did you mean `default`?",
        "a parameter is either `#[state]` or an input: state is in no schema and no record",
        "state must be owned: every call gets a clone of it",
        "`#[serde]` does not apply to a parameter; use `#[input(…)]` or `#[state]`",
        "an input must be owned, because it is recorded and may be read back later",
        "an optional input cannot be named `execute`: every call has a method of this name",
        "there is no kind `structred`; did you mean `structured`?",
    ];
    assert_eq!(errors, expected);
    assert_eq!(names, ["Shorten", "shorten"]);
}

#[test]
fn mistakes_of_the_prompt_are_reported_beside_those_of_the_fn() {
    let item = quote!(
        async fn shorten(contents: &str, style: String) -> String;
    );
    let (errors, _) = expanded(Role::Step, quote!(), item);
    let owned = "an input must be owned, because it is recorded and may be read back later";
    let unknown = "unknown variable `content` in the prompt; did you mean `contents`?";
    assert_eq!(errors, [owned, unknown]);
}

#[test]
fn a_fn_that_no_type_can_stand_for_is_one_mistake() {
    for item in [
        quote!(
            async fn shorten<T: Send>(content: T) -> String {
                content
            }
        ),
        quote!(
            async fn shorten(content: impl Send) -> String {
                content
            }
        ),
        quote!(
            async fn shorten((content, words): (String, u32)) -> String {
                content
            }
        ),
        quote!(
            async fn shorten(&self) -> String {
                content
            }
        ),
    ] {
        let (errors, names) = expanded(Role::Flow, quote!(), item);
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(names, [""; 0]);
    }
}

#[test]
fn an_item_that_is_no_fn_is_left_as_it_is() {
    let (errors, names) = expanded(
        Role::Flow,
        quote!(),
        quote!(
            pub struct Shorten;
        ),
    );
    assert_eq!(errors, ["`#[step]` and `#[flow]` go on an async fn"]);
    assert_eq!(names, ["Shorten"]);
}

#[test]
fn a_body_that_does_not_parse_yet_is_passed_on_so_that_editors_complete_in_it() {
    let item = quote!(async fn shorten(content: String) -> String { let text = content. });
    let code = call(Role::Flow, quote!(), item).to_string();
    assert!(code.contains("let text = content ."), "{code}");
    assert!(!code.contains("compile_error"), "{code}");
}

#[test]
fn a_taken_type_name_is_replaced_so_that_the_rest_is_still_checked() {
    let item = quote!(
        async fn summary(content: String, style: String, words: &u32) -> Summary;
    );
    let (errors, names) = expanded(Role::Step, quote!(prompt = "shorten.md"), item);
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert_eq!(names, ["SummaryCall", "summary"]);
}

/// The fields of the definition, from the name to the location.
fn definition(role: Role, arguments: TokenStream, item: TokenStream) -> String {
    let code = call(role, arguments, item).to_string();
    assert!(!code.contains("compile_error"), "{code}");
    let (_, fields) = code.split_once("Definition { name : ").unwrap();
    let (fields, _) = fields.split_once(" , location :").unwrap();
    fields.to_owned()
}

#[test]
fn what_is_recorded_is_in_the_definition() {
    let item = quote!(
        async fn count(text: String) -> usize {
            text.len()
        }
    );
    let hash = crate::code::hash(&quote!(text.len()));
    let given = quote!(name = "count v1", cache = "1h 30m");
    let fields = definition(Role::Step, given, item.clone());
    assert!(fields.starts_with(r#""count v1" ,"#), "{fields}");
    let recorded = format!(
        "code : :: core :: option :: Option :: Some (\"{hash}\") , \
         cache : :: core :: option :: Option :: Some (5400u64)"
    );
    assert!(fields.contains(&recorded), "{fields}");

    let fields = definition(Role::Flow, quote!(name = "zählen"), item);
    assert!(fields.starts_with(r#""zählen" ,"#), "{fields}");
    let recorded = format!(
        "code : :: core :: option :: Option :: Some (\"{hash}\") , \
         cache : :: core :: option :: Option :: None"
    );
    assert!(fields.contains(&recorded), "{fields}");
}

#[test]
fn a_model_step_has_no_code_and_may_be_cached() {
    let item = quote!(
        async fn shorten(content: String, style: String) -> String;
    );
    let fields = definition(Role::Step, quote!(cache = "7d"), item);
    assert!(fields.starts_with(r#""shorten" ,"#), "{fields}");
    let recorded = "code : :: core :: option :: Option :: None , \
                  cache : :: core :: option :: Option :: Some (604800u64)";
    assert!(fields.contains(recorded), "{fields}");
}

/// The prompt is found by the fn's name: there is no `cut.md`.
#[test]
fn a_recorded_name_changes_neither_the_fn_nor_its_type_nor_its_prompt() {
    let item = quote!(
        async fn shorten(content: String, style: String) -> String;
    );
    let (errors, names) = expanded(Role::Step, quote!(name = "cut"), item);
    assert_eq!(errors, [""; 0]);
    assert_eq!(names, ["Shorten", "shorten"]);
}

#[test]
fn a_name_that_cannot_be_recorded_is_a_mistake() {
    let item = quote!(
        async fn count() {}
    );
    let (longest, too_long) = ("ä".repeat(100), "ä".repeat(101));
    for role in [Role::Step, Role::Flow] {
        for (name, wrong) in [
            ("", "this name is empty"),
            (" \u{a0}", "this name is blank"),
            ("a\nb", r"this name holds the control character '\n'"),
            (&too_long, "this name has 101 characters"),
        ] {
            let (errors, names) = expanded(role, quote!(name = #name), item.clone());
            assert_eq!(errors, [wrong]);
            assert_eq!(names, ["Count", "count"]);
        }
        definition(role, quote!(name = #longest), item.clone());
    }
}

#[test]
fn a_cache_that_is_not_for_whole_seconds_is_a_mistake() {
    for (given, wanted) in [
        (
            quote!(cache = "0s"),
            "a duration of whole seconds, at least 1",
        ),
        (
            quote!(cache = "0"),
            "a duration of whole seconds, at least 1",
        ),
        (
            quote!(cache = "1500ms"),
            "a duration of whole seconds, at least 1",
        ),
        (quote!(cache = ""), "a duration"),
        (quote!(cache = "7"), "a duration"),
        (quote!(cache = "soon"), "a duration"),
        (quote!(cache = "-1d"), "a duration"),
        (quote!(cache = "99999999999999999999d"), "a duration"),
        (quote!(cache = 7), "a duration in quotes"),
        (quote!(cache = WEEK), "a duration in quotes"),
        (quote!(cache), "a duration in quotes"),
    ] {
        let item = quote!(
            async fn count() {}
        );
        let (errors, names) = expanded(Role::Step, given, item);
        let examples = r#"`"7d"`, `"12h"`, `"30m"`"#;
        assert_eq!(errors, [format!("`cache` takes {wanted}: {examples}")]);
        assert_eq!(names, ["Count", "count"]);
    }
}
