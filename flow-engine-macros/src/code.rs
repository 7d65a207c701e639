//! The hash of a body, by which a recorded run knows whether its code has changed.
//!
//! It is made from the tokens: whitespace, comments and the place in the file do not count. A doc comment is a token,
//! because a derive may read it.

use std::fmt::Write as _;

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// What is another token when its characters stand apart, the longer ones first. The operators that begin with `>` are
/// left out, and `<-`: apart they mean nothing else, and so `Vec<u8>=x` is `Vec<u8> = x`.
const OPERATORS: [&str; 21] = [
    "<<=", "...", "..=", "::", "->", "=>", "==", "!=", "<=", "&&", "||", "<<", "..", "+=", "-=",
    "*=", "/=", "%=", "^=", "&=", "|=",
];

/// The SHA-256 of the tokens in lower-case hex.
pub(crate) fn hash(body: &TokenStream) -> String {
    let mut text = String::new();
    write_tokens(body, &mut text);
    flow_engine_prompt::text_id(&text)
}

fn write_tokens(tokens: &TokenStream, text: &mut String) {
    // Characters that touch. Those of `,&` do too, so most of this is still whitespace.
    let mut together = String::new();
    for token in tokens.clone() {
        if let TokenTree::Punct(punct) = &token {
            together.push(punct.as_char());
            if punct.spacing() == Spacing::Alone {
                write_operators(&mut together, text);
            }
            continue;
        }
        write_operators(&mut together, text);
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("⟦", "⟧"),
                };
                write_token("group", open, text);
                write_tokens(&group.stream(), text);
                write_token("group", close, text);
            }
            TokenTree::Ident(ident) => write_token("ident", &ident.to_string(), text),
            TokenTree::Literal(literal) => write_token("literal", &literal.to_string(), text),
            TokenTree::Punct(_) => {}
        }
    }
    write_operators(&mut together, text);
}

/// Takes characters that touch apart into operators, from the left.
fn write_operators(together: &mut String, text: &mut String) {
    let mut rest = together.as_str();
    while let Some(first) = rest.chars().next() {
        let length = OPERATORS
            .into_iter()
            .find(|operator| rest.starts_with(operator))
            .map_or(first.len_utf8(), str::len);
        let (operator, others) = rest.split_at(length);
        write_token("operator", operator, text);
        rest = others;
    }
    together.clear();
}

/// With its length, so that no two sequences of tokens are the same text.
fn write_token(kind: &str, token: &str, text: &mut String) {
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{kind} {} {token}", token.len());
}

#[cfg(test)]
mod tests {
    use super::hash;

    fn of(code: &str) -> String {
        hash(&code.parse().unwrap())
    }

    #[test]
    fn whitespace_comments_and_places_do_not_count() {
        for (written, again) in [
            ("a+b", "  a\n\t+ /* the sum */ b // of both"),
            ("f(&x,&y)", "f( & x, &y )"),
            ("let v:Vec<Vec<u8>>=x;", "let v: Vec<Vec<u8> > = x;"),
            ("match x{A::<u8>=>-1}", "match x { A::<u8> => - 1 }"),
            ("a<-b", "a < -b"),
            ("x=-1;|y|-y", "x = -1; | y | - y"),
            ("0..=-1", "0 ..= - 1"),
            ("", "// nothing"),
        ] {
            assert_eq!(of(written), of(again), "{written}");
        }
    }

    #[test]
    fn every_token_counts() {
        let bodies = [
            "",
            "a",
            "b",
            "a b",
            "ab",
            "\"a\"",
            "r\"a\"",
            "b\"a\"",
            "'a'",
            "'a",
            "r#a",
            "1",
            "1_",
            "1u8",
            "1.0",
            "a;",
            "a,",
            "a b c",
            "(a b) c",
            "a (b c)",
            "a (b) c",
            "a [b] c",
            "a {b} c",
            "a ((b)) c",
            "a && b",
            "a & &b",
            "a & b",
            "a || b",
            "a | b",
            "a << b",
            "a < <b",
            "a > b",
            "a >> b",
            "a >= b",
            "a -= b",
            "a = -b",
            "a == b",
            "a .. b",
            "a ..= b",
            "a ... b",
            "\"ident 1 a\nident 1 b\n\"",
            "/// a\nb",
        ];
        for (at, body) in bodies.iter().enumerate() {
            for other in &bodies[..at] {
                assert_ne!(of(body), of(other), "{body} and {other}");
            }
        }
    }

    /// It is recorded: another hash of the same code would be taken for changed code.
    #[test]
    fn the_hash_of_a_body_stays_what_it_was() {
        assert_eq!(
            of("Ok(f(&x, 1)? << 2)"),
            "4c6ab60a28725856863c44ee1bbda15b439c6b96d30f99f29655647316720cad"
        );
    }
}
