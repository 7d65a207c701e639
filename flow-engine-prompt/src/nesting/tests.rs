use super::{Problem, scan};

fn unclosed(source: &str) -> Vec<&str> {
    scan(source, 0..source.len(), &[])
        .into_iter()
        .map(|problem| match problem {
            Problem::Unclosed { opener, .. } => &source[opener],
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn each_construct_that_is_never_closed_is_found_at_its_opener() {
    assert_eq!(
        unclosed("{% if a %}{% for x in a %}"),
        ["{% if a %}", "{% for x in a %}"]
    );
    assert_eq!(unclosed("a {{ b"), ["{{"]);
    assert_eq!(unclosed("a {% b"), ["{%"]);
    assert_eq!(unclosed("a {# b"), ["{#"]);
    assert_eq!(unclosed("{% raw %}{{"), ["{% raw %}"]);
    assert_eq!(unclosed("{{ 'a }}"), ["'"]);
    assert_eq!(unclosed("{{ \"a\\\" }}"), ["\""]);
    assert_eq!(unclosed("{{ {'a': 1}}"), ["{{"]);
}

#[test]
fn an_end_tag_that_skips_a_block_blames_the_block_it_skips() {
    assert_eq!(
        unclosed("{% if a %}{% for x in a %}{% endif %}"),
        ["{% for x in a %}"]
    );
}

#[test]
fn an_end_tag_that_ends_nothing_is_found() {
    let source = "{% for x in a %}{% endif %}{% endfor %}";
    assert_eq!(
        scan(source, 0..source.len(), &[]),
        [
            Problem::Stray {
                tag: 16..27,
                open: Some(0..16)
            },
            Problem::Stray {
                tag: 27..39,
                open: None
            }
        ]
    );
}

#[test]
fn every_valid_template_is_accepted() {
    for source in [
        "{%- if a -%}{%+ else +%}{%- endif -%}",
        "{% for a, b in x recursive %}{{ loop(b) }}{% else %}{% endfor %}",
        "{%- raw -%} {{ {% {# {%- endraw -%}",
        "{% with a = {'b': [1, (2)]} %}{% endwith %}",
        "{% filter upper %}{% endfilter %}{% call m() %}{% endcall %}{% macro m() %}{% endmacro %}",
        "{% set x | upper %}{% endset %}{% set ns.x = '%}' %}",
        "{{ '{{' }} } }} %} #} {",
        "{",
    ] {
        assert_eq!(scan(source, 0..source.len(), &[]), [], "{source}");
    }
}
