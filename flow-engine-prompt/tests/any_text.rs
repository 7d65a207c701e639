//! Whatever a prompt file contains, reading, checking and rendering it ends in a value or an error.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use flow_engine_prompt::{Template, parse, prompt_id};

/// What prompts are made of, and what tends to break their readers.
const PIECES: &[&str] = &[
    "# system:",
    "# user:",
    "# assistant:",
    "# sytem:",
    "## user:",
    "# user",
    "\n",
    "\n",
    "\n",
    "\r\n",
    "\r",
    "---",
    "---\n",
    "model: m",
    "temperature: ",
    "stop: [a, b]",
    "seed: 9",
    ": ",
    "- ",
    "[",
    "{{ ",
    " }}",
    "{{ a }}",
    "{{ zzz }}",
    "{% if a %}",
    "{% else %}",
    "{% endif %}",
    "{% for x in a %}",
    "{% endfor %}",
    "{% raw %}",
    "{% endraw %}",
    "{%- ",
    " -%}",
    "{#",
    "#}",
    "{% set x %}",
    "{% set x = ",
    "{% endset %}",
    "{% macro m(",
    ") %}",
    "{% include ",
    " | upper",
    " | uper",
    " is defined",
    " is nope",
    ".strip()",
    "(",
    ")",
    "]",
    "{",
    "}",
    "'",
    "\"",
    "\\",
    "`",
    "```",
    "~~~",
    "a",
    "loop",
    "é",
    "日本",
    "\u{feff}",
    "\u{0}",
    "\u{1f600}",
    "\t",
    " ",
    "    ",
    "1",
    "0x",
    "1e9",
    "&x ",
    "*x",
    "!!int ",
    "? ",
    "|\n",
    "%",
    "#",
    "<<: ",
    "\u{2028}",
    "\u{85}",
];

/// xorshift64: the same texts in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

fn exercise(source: &str) {
    assert_eq!(prompt_id(source, &[]).len(), 64);
    let diagnostics = match parse("p.md", source) {
        Ok(file) => {
            assert!(!file.sections().is_empty());
            let found = file.check(&["a", "content"]);
            let template = Template::new(&file);
            if found.diagnostics.is_empty() {
                let template = template.unwrap_or_else(|error| {
                    panic!("checked but not compiled: {error}\n{source:?}")
                });
                let inputs = serde_json::json!({ "a": ["x", null], "content": "text" });
                if let Err(error) = template.render(inputs.as_object().unwrap(), &[]) {
                    assert!(!error.to_string().contains('\n'), "{source:?}");
                }
            }
            found.diagnostics
        }
        Err(diagnostics) => {
            assert!(!diagnostics.is_empty());
            diagnostics
        }
    };
    for diagnostic in &diagnostics {
        let lines = source.split('\n').count();
        assert!(
            (1..=lines).contains(&diagnostic.location.line),
            "{diagnostic}\n{source:?}"
        );
        assert!(
            !diagnostic.message.contains('\n'),
            "{diagnostic}\n{source:?}"
        );
        assert_eq!(
            diagnostic.location.snippet.lines().count(),
            3,
            "{diagnostic}\n{source:?}"
        );
    }
    let places: Vec<_> = diagnostics
        .iter()
        .map(|found| (found.location.line, found.location.column))
        .collect();
    assert!(places.is_sorted(), "{places:?}\n{source:?}");
}

#[test]
fn no_sequence_of_pieces_panics() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..8_000 {
        let mut source = String::new();
        if round % 3 == 0 {
            source.push_str("---\n");
        }
        for _ in 0..random.below(24) {
            source.push_str(PIECES[random.below(PIECES.len())]);
        }
        exercise(&source);
    }
}

#[test]
fn no_bytes_panic() {
    let mut random = Random(0xd1b5_4a32_d192_ed03);
    for _ in 0..3_000 {
        let bytes: Vec<u8> = (0..random.below(60))
            .map(|_| u8::try_from(random.below(256)).unwrap())
            .collect();
        exercise(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn no_prefix_of_a_prompt_panics() {
    let prompt = "---\r\nmodel: m\nstop: [\"é\", 'b']\n---\n# system:\n```\n# user:\n```\n{% for x, y in a | items -%}\n\
                  {{ x.b[0] | default('日', true) }}{% endfor %}\n{% raw %}{{{% endraw %}\n\n# user:\n{# c #}{{ a }}";
    for end in (0..=prompt.len()).filter(|end| prompt.is_char_boundary(*end)) {
        exercise(&prompt[..end]);
    }
}
