//! What is kept of the citations in an answer. They come from pages of anybody's, through a model.

use std::collections::HashMap;

use crate::llm::{Citation, Source};

/// No browser takes a longer address from everybody, and none is that of an article.
const LONGEST_URL: usize = 8192;
/// In characters.
const LONGEST_TITLE: usize = 300;

/// Citations and sources as a [`News`](super::News) has them.
pub(crate) struct Cited {
    pub(crate) citations: Vec<Citation>,
    pub(crate) sources: Vec<Source>,
}

/// What is kept: `text` is what the positions are in, with where it begins; without it they are left out.
pub(crate) fn cited(
    citations: &[Citation],
    sources: &[Source],
    text: Option<(usize, &str)>,
) -> Cited {
    let mut citations: Vec<_> = citations.iter().filter_map(citation).collect();
    match text {
        Some((begin, text)) => place(&mut citations, begin, text.chars().count()),
        None => citations.iter_mut().for_each(unplace),
    }
    let listed = sources
        .iter()
        .filter_map(|source| Some((page(&source.url)?, title(source.title.as_deref()))));
    let known = citations
        .iter()
        .map(|cited| (cited.url.clone(), cited.title.clone()));
    let mut sources: Vec<Source> = Vec::new();
    let mut at = HashMap::new();
    for (url, title) in known.chain(listed) {
        let index = *at.entry(url.clone()).or_insert(sources.len());
        match sources.get_mut(index) {
            Some(same) if same.title.is_none() => same.title = title,
            Some(_) => {}
            None => sources.push(Source { title, url }),
        }
    }
    Cited { citations, sources }
}

fn citation(given: &Citation) -> Option<Citation> {
    Some(Citation {
        title: title(given.title.as_deref()),
        url: page(&given.url)?,
        start: given.start,
        end: given.end,
    })
}

fn unplace(citation: &mut Citation) {
    (citation.start, citation.end) = (None, None);
}

/// Positions in a text of `length` characters that begins at `begin` of what they were given for: those that are in it, and
/// of those that overlap the first.
fn place(citations: &mut [Citation], begin: usize, length: usize) {
    let end = begin.saturating_add(length);
    let mut placed: Vec<_> = citations
        .iter_mut()
        .filter_map(|citation| {
            let (start, stop) = (citation.start.take(), citation.end.take());
            let (start, stop) = (start?, stop?);
            (begin <= start && start < stop && stop <= end)
                .then(|| ((start - begin, stop - begin), citation))
        })
        .collect();
    placed.sort_by_key(|(place, _)| *place);
    let mut last = (0, 0);
    for ((start, stop), citation) in placed {
        if start >= last.1 || (start, stop) == last {
            (citation.start, citation.end) = (Some(start), Some(stop));
            last = (start, stop);
        }
    }
}

/// An address that can be shown and followed.
pub(crate) fn page(url: &str) -> Option<String> {
    let url = url.trim();
    if url.len() > LONGEST_URL || url.chars().any(is_hostile) {
        return None;
    }
    let (scheme, rest) = url.split_once("://")?;
    if !["http", "https"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
    {
        return None;
    }
    let host = rest.split(['/', '?', '#']).next()?;
    // A name before the host passes for the host.
    let is_host =
        host.starts_with(|c: char| c.is_alphanumeric() || c == '[') && !host.contains('@');
    is_host.then(|| url.to_owned())
}

/// What ends a link, or shows another one than it is.
fn is_hostile(c: char) -> bool {
    c.is_control() || c.is_whitespace() || is_invisible(c) || "<>\"`\\".contains(c)
}

/// Marks that have no width or show nothing, or turn the direction of what follows. The last ones can spell whole sentences, which
/// models read.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'
            ..='\u{200f}'
    ) || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// A title on one line.
pub(crate) fn title(title: Option<&str>) -> Option<String> {
    let mut kept = String::new();
    let words = title?.split(|c: char| c.is_whitespace() || c.is_control());
    let mut left = LONGEST_TITLE;
    for word in words.filter(|word| !word.is_empty()) {
        if !kept.is_empty() {
            kept.push(' ');
        }
        let shown = word.chars().filter(|c| !is_invisible(*c));
        let before = kept.len();
        kept.extend(shown.take(left));
        left = left.saturating_sub(kept[before..].chars().count() + 1);
        if left == 0 {
            break;
        }
    }
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kept(urls: &[&str]) -> Vec<String> {
        let citations: Vec<_> = urls.iter().map(|url| Citation::new(*url)).collect();
        let kept = cited(&citations, &[], None).citations;
        kept.into_iter().map(|citation| citation.url).collect()
    }

    #[test]
    fn an_address_that_cannot_be_shown_is_left_out_with_its_citation() {
        let long = format!("https://a.example/{}", "x".repeat(1 << 20));
        let hostile = [
            "javascript:alert(1)",
            "javascript://a.example/%0aalert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "ftp://a.example",
            "//a.example",
            "a.example",
            "",
            "https://",
            "https:///path",
            "https://?q",
            "https:a.example",
            "https://user@a.example/",
            "https://bank.example:x@evil.example/",
            "https://a.example/\u{0}",
            "https://a.example/\nb",
            "https://a.example/ b",
            "https://a.example/\"onclick=",
            "https://a.example/<script>",
            "https://a.example\\@b.example",
            "https://a.example/\u{202e}gpj.exe",
            "https://a.exa\u{200b}mple/",
            "https://a.exa\u{180e}mple/",
            "https://a.exa\u{3164}mple/",
            "https://a.example/\u{e0061}\u{e0062}",
            &long,
        ];
        assert_eq!(kept(&hostile), Vec::<String>::new());
        let good = [
            "https://a.example",
            "HTTP://a.example:8080/b?c=d|e#f",
            "https://[::1]/x",
            "https://bücher.example/ä_(ö)",
        ];
        assert_eq!(kept(&good), good);
        assert_eq!(kept(&[" https://a.example\n"]), ["https://a.example"]);
    }

    #[test]
    fn a_position_that_is_none_is_left_out_and_its_citation_stays() {
        let at = |start, end| Citation::new("https://a.example").at(start, end);
        let places = |given: &[Citation]| -> Vec<_> {
            let kept = cited(given, &[], Some((2, "12345"))).citations;
            kept.iter()
                .map(|cited| cited.start.zip(cited.end))
                .collect()
        };
        assert_eq!(places(&[at(2, 7)]), [Some((0, 5))]);
        for wrong in [at(2, 8), at(1, 3), at(3, 3), at(4, 3), at(9, usize::MAX)] {
            assert_eq!(places(&[wrong]), [None]);
        }
        let half = Citation {
            end: None,
            ..at(2, 3)
        };
        assert_eq!(places(&[half]), [None]);
        assert_eq!(
            places(&[at(4, 6), at(2, 5), at(5, 7), at(2, 5)]),
            [None, Some((0, 3)), Some((3, 5)), Some((0, 3))],
            "the first in the text of those that overlap, and equal ones"
        );
    }

    #[test]
    fn a_source_is_there_once_with_the_title_that_is_known() {
        let citations = [
            Citation::new("https://b.example"),
            Citation::new("https://a.example")
                .titled(" A\n title\u{202e}\u{7}\u{e0069}\u{e0067}\u{e007f} "),
        ];
        let sources = [
            Source::new("https://c.example").titled("x".repeat(5000)),
            Source::new("https://b.example").titled("B"),
            Source::new("https://a.example").titled("other"),
            Source::new("javascript:x"),
        ];
        let kept = cited(&citations, &sources, None);
        assert_eq!(
            kept.sources,
            [
                Source::new("https://b.example").titled("B"),
                Source::new("https://a.example").titled("A title"),
                Source::new("https://c.example").titled("x".repeat(LONGEST_TITLE)),
            ]
        );
    }

    fn url() -> impl Strategy<Value = String> {
        prop_oneof![
            "https?://[a-c]\\.example/[a-b]?",
            "\\PC{0,12}",
            "(https|javascript)://\\PC{0,8}",
        ]
    }

    fn position() -> impl Strategy<Value = Option<usize>> {
        prop_oneof![
            Just(None),
            (0..20_usize).prop_map(Some),
            any::<usize>().prop_map(Some)
        ]
    }

    prop_compose! {
        fn any_citation()(
            url in url(), title in proptest::option::of("\\PC{0,9}"), start in position(), end in position(),
        ) -> Citation {
            Citation { title, url, start, end }
        }
    }

    proptest! {
        #[test]
        fn every_cited_url_is_among_the_sources_and_every_position_in_the_text(
            citations in prop::collection::vec(any_citation(), 0..12),
            sources in prop::collection::vec(url().prop_map(Source::new), 0..6),
            text in "\\PC{0,16}",
            begin in 0..4_usize,
        ) {
            let kept = cited(&citations, &sources, Some((begin, &text)));
            let urls: Vec<_> = kept.sources.iter().map(|source| &source.url).collect();
            let mut once = urls.clone();
            once.sort();
            once.dedup();
            prop_assert_eq!(once.len(), urls.len());
            for citation in &kept.citations {
                prop_assert!(urls.contains(&&citation.url));
                prop_assert!(citation.url.to_lowercase().starts_with("http"));
                prop_assert_eq!(citation.start.is_some(), citation.end.is_some());
            }
            let places: Vec<_> = kept.citations.iter().filter_map(|c| c.start.zip(c.end)).collect();
            for place in &places {
                prop_assert!(place.0 < place.1 && place.1 <= text.chars().count());
                for other in &places {
                    prop_assert!(place == other || place.1 <= other.0 || other.1 <= place.0);
                }
            }
        }
    }
}
