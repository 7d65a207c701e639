//! HTML as text. It need not be read well, only never as what it is not.

/// Without tags, scripts, styles and comments, with entities read, paragraphs apart.
pub(super) fn plain(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        text.push_str(&rest[..open]);
        let tag = &rest[open..];
        // `1 < 2` is text.
        let is_tag = tag[1..].starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c));
        if !is_tag {
            text.push('<');
            rest = &tag[1..];
            continue;
        }
        rest = behind(tag);
        text.push(' ');
        if is_break(tag) {
            text.push('\n');
        }
    }
    text.push_str(rest);
    tidy(&unescaped(&text))
}

/// What follows a tag, and what is in it if that is no text.
fn behind(tag: &str) -> &str {
    let end = |mark: &str| tag.find(mark).map_or("", |at| &tag[at + mark.len()..]);
    if tag.starts_with("<!--") {
        return end("-->");
    }
    if tag.starts_with("<![CDATA[") {
        return end("]]>");
    }
    let after = end(">");
    let closes = [("script", "/script"), ("style", "/style")];
    let Some((_, close)) = closes.into_iter().find(|(name, _)| is_named(tag, name)) else {
        return after;
    };
    let mut closing = after.match_indices("</").map(|(at, _)| &after[at..]);
    let closing = closing.find(|tag| is_named(tag, close));
    closing
        .and_then(|tag| Some(&tag[tag.find('>')? + 1..]))
        .unwrap_or_default()
}

fn is_named(tag: &str, name: &str) -> bool {
    let Some(given) = tag.get(1..=name.len()) else {
        return false;
    };
    let next = tag[1 + name.len()..].chars().next();
    given.eq_ignore_ascii_case(name) && !next.is_some_and(|c| c.is_ascii_alphanumeric())
}

fn is_break(tag: &str) -> bool {
    let names = [
        "p",
        "/p",
        "br",
        "div",
        "/div",
        "li",
        "tr",
        "h1",
        "h2",
        "h3",
        "blockquote",
    ];
    names.iter().any(|name| is_named(tag, name))
}

/// The longest that is read is shorter.
const LONGEST_ENTITY: usize = 12;

fn unescaped(text: &str) -> String {
    let mut read = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        read.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let end = rest
            .bytes()
            .take(LONGEST_ENTITY)
            .position(|byte| byte == b';');
        match end.and_then(|end| Some((entity(&rest[..end])?, end))) {
            Some((c, end)) => {
                read.push(c);
                rest = &rest[end + 1..];
            }
            None => read.push('&'),
        }
    }
    read.push_str(rest);
    read
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "hellip" => '…',
        "ndash" => '–',
        "mdash" => '—',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        _ => return None,
    })
}

/// One space between words, one line break between lines, no control characters.
fn tidy(text: &str) -> String {
    let lines = text.lines().map(on_one_line);
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}

pub(super) fn on_one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_becomes_text() {
        let cases = [
            (
                "<p>One <b>bold</b> word.</p><p>Two&nbsp;&amp; three</p>",
                "One bold word.\nTwo & three",
            ),
            ("a<br/>b", "a\nb"),
            ("<SCRIPT>alert('<p>')</script >x<style>p{}</style>y", "x y"),
            ("<!-- <b> --> c", "c"),
            ("1 < 2 & 3 > 2", "1 < 2 & 3 > 2"),
            (
                "&lt;b&gt; &#228;&#xE4; &unknown; &#xD800; &",
                "<b> ää &unknown; &#xD800; &",
            ),
            ("<script>never closed", ""),
            ("cut <a href=\"x", "cut"),
            ("é<é", "é<é"),
            ("<ü", "<ü"),
            ("\u{0}a\tb", "a b"),
            ("<scripty>kept", "kept"),
            ("", ""),
        ];
        for (html, text) in cases {
            assert_eq!(plain(html), text, "{html}");
        }
    }

    #[test]
    fn what_is_read_of_an_entity_is_not_read_again() {
        assert_eq!(plain("&amp;lt;b&amp;gt;"), "&lt;b&gt;");
    }
}
