mod files;
mod requirements;

use crate::parse;
use crate::testing::{mistake, mistakes};

/// The inputs that `template` refers to, after a check that it has no mistakes.
fn used(template: &str, inputs: &[&str]) -> Vec<String> {
    let analysis = parse("p.md", template).unwrap().check(inputs);
    assert_eq!(analysis.diagnostics, [], "{template}");
    analysis.used.into_iter().collect()
}

#[test]
fn an_unknown_variable_is_reported_at_its_first_use_with_the_nearest_name() {
    let source = "---\nseed: 1\n---\n# system:\nFor {{ audience }}.\n\n# user:\n\n- {{ contnet }} {{ contnet }}\n";
    assert_eq!(
        mistake(source, &["content", "audience"]),
        "9:6^7 unknown variable `contnet` in the prompt; did you mean `content`?"
    );
}

#[test]
fn without_a_near_name_the_inputs_are_listed() {
    let message = "1:4^3 unknown variable `zzz` in the prompt; ";
    assert_eq!(
        mistake("{{ zzz }}", &["content", "style"]),
        format!("{message}the inputs are `content`, `style`")
    );
    assert_eq!(
        mistake("{{ zzz }}", &["content"]),
        format!("{message}the only input is `content`")
    );
    assert_eq!(
        mistake("{{ zzz }}", &[]),
        format!("{message}there are no inputs")
    );
}

#[test]
fn names_the_template_defines_are_near_names_too() {
    assert_eq!(
        mistake(
            "{% for section in xs %}{{ sectoin.title }}{% endfor %}",
            &["xs"]
        ),
        "1:27^7 unknown variable `sectoin` in the prompt; did you mean `section`?"
    );
}

#[test]
fn mistakes_of_all_kinds_come_at_once_in_file_order() {
    let source = "# system:\n{{ a | uper }}{% if b is definde %}{% endif %}\n# user:\n{{ contnet }}\n\
                  {{ rnage(3) }} {% include 'x' %}\n# assistant:\n{{ a | }}\n# user:\n{% if a %}";
    assert_eq!(
        mistakes(source, &["a", "b", "content"]),
        [
            "2:8^4 unknown filter `uper`; did you mean `upper`?",
            "2:26^7 unknown test `definde`; did you mean `defined`?",
            "4:4^7 unknown variable `contnet` in the prompt; did you mean `content`?",
            "5:4^5 unknown function `rnage`; did you mean `range`?",
            "5:27^3 there is no file `x` to include",
            "7:8^2 template syntax: unexpected end of variable block, expected identifier",
            "9:1^10 `{% if a %}` is never closed",
        ]
    );
}

#[test]
fn positions_hold_behind_crlf_a_byte_order_mark_tabs_and_non_ascii_text() {
    let source = "\u{feff}---\r\nseed: 1\r\n---\r\n# system:\r\nx\r\n\r\n# user:\r\n\r\n\té日本 {{ contnet }}\r\n";
    let expected = "9:9^7 unknown variable `contnet` in the prompt; did you mean `content`?";
    assert_eq!(mistake(source, &["content"]), expected);
    let expected = "1:4^7 unknown variable `contnet` in the prompt; did you mean `content`?";
    assert_eq!(mistake("\u{feff}{{ contnet }}", &["content"]), expected);
    let source = "# user:\r\n{% for x in xs -%}\r\n  {{- x | uper }}\r\n{% endfor %}";
    assert_eq!(
        mistake(source, &["xs"]),
        "3:11^4 unknown filter `uper`; did you mean `upper`?"
    );
}

#[test]
fn syntax_errors_are_at_the_token_that_does_not_fit() {
    for (template, expected) in [
        (
            "x\n{{ a b }}",
            "2:6^1 template syntax: unexpected identifier, expected end of variable block",
        ),
        ("x\n{{ é }}", "2:4^1 template syntax: unexpected character"),
        (
            "x\n{{ a. }}",
            "2:7^2 template syntax: unexpected end of variable block, expected identifier or integer",
        ),
        (
            "x\n{% if %}x{% endif %}",
            "2:7^2 template syntax: unexpected end of block",
        ),
        (
            "{% fro x in a %}x",
            "1:4^3 unknown tag `fro`; did you mean `for`?",
        ),
        (
            "{% elsif a %}",
            "1:4^5 unknown tag `elsif`; did you mean `elif`?",
        ),
        ("{% paragraph %}", "1:4^9 unknown tag `paragraph`"),
        ("{% else %}", "1:4^4 `{% else %}` is out of place here"),
        (
            "{% break %}",
            "1:4^5 template syntax: 'break' must be placed inside a loop",
        ),
        ("{{ 'a }}", "1:4^1 `'` is never closed"),
        ("a {{ a", "1:3^2 `{{` is never closed"),
        ("a {# b", "1:3^2 `{#` is never closed"),
        ("{% endif %}", "1:1^11 `{% endif %}` closes nothing"),
        (
            "\n\n{% for x in a %}\nx\n{% endif %}",
            "5:1^11 `{% endif %}` does not close `{% for x in a %}`, opened at line 3",
        ),
    ] {
        assert_eq!(mistake(template, &["a"]), expected, "{template}");
    }
}

#[test]
fn imports_are_not_supported_and_cause_no_further_errors() {
    let source = "{% import 'x' as y %}{% from 'x' import z as w %}{{ y }}{{ w }}";
    assert_eq!(
        mistakes(source, &[]),
        [
            "1:1^9 `{% import %}` is not supported; `{% include %}` is",
            "1:22^7 `{% from %}` is not supported; `{% include %}` is",
        ]
    );
}

#[test]
fn calls_of_what_cannot_be_called_say_what_to_write() {
    for (template, expected) in [
        (
            "{{ a.strip() }}",
            "1:6^5 `a` is data and has no method `strip`; use the filter: `… | trim`",
        ),
        (
            "{{ a.b[0].items() }}",
            "1:11^5 `a` is data and has no method `items`; use the filter: `… | items`",
        ),
        ("{{ a.foo() }}", "1:6^3 `a` is data and has no method `foo`"),
        ("{{ a() }}", "1:4^1 `a` is an input and cannot be called"),
        (
            "{{ upper(a) }}",
            "1:4^5 unknown function `upper`; it is a filter: `… | upper`",
        ),
        (
            "{{ zzz(a) }}",
            "1:4^3 unknown function `zzz`; the functions are `dict`, `namespace`, `range`",
        ),
        (
            "{{ super() }}",
            "1:4^5 unknown function `super`; the functions are `dict`, `namespace`, `range`",
        ),
    ] {
        assert_eq!(mistake(template, &["a"]), expected, "{template}");
    }
}

#[test]
fn the_inputs_in_use_are_those_that_are_not_hidden_by_a_name_of_the_template() {
    assert_eq!(
        used(
            "# system:\n{{ a.b }}\n# user:\n{{ c['d'] }}",
            &["a", "b", "c", "d"]
        ),
        ["a", "c"]
    );
    assert_eq!(used("{% set a = b %}{{ a }}", &["a", "b"]), ["b"]);
    assert_eq!(
        used("{% for a in b %}{{ a }}{% endfor %}", &["a", "b"]),
        ["b"]
    );
    assert_eq!(
        used("{% for a in b %}{{ a }}{% endfor %}{{ a }}", &["a", "b"]),
        ["a", "b"]
    );
    assert_eq!(used("no inputs at all", &["a"]), Vec::<String>::new());
}

#[test]
fn names_are_resolved_as_the_renderer_does() {
    for template in [
        "{% for x in xs if x.ok %}{{ loop.index }}{{ x }}{% else %}{{ xs }}{% endfor %}",
        "{% for k, (v, w) in xs | items %}{{ k }}{{ v }}{{ w }}{% endfor %}",
        "{% for x in xs recursive %}{{ loop(x.xs) }}{% endfor %}",
        "{% set y = xs %}{{ y }}",
        "{% set y %}{{ xs }}{% endset %}{{ y }}",
        "{% if xs %}{% set y = 1 %}{% else %}{% set y = 2 %}{% endif %}{{ y }}",
        "{% if xs %}{% set y = 1 %}{% endif %}{% if y is defined %}x{% endif %}{{ y | default(2) }}",
        "{% with y = xs, z = y %}{{ z }}{% endwith %}",
        "{% set ns = namespace(n=0) %}{% set ns.n = xs | length %}{{ ns.n }}",
        "{% macro m(x, y=x) %}{{ x }}{{ y }}{{ caller() }}{{ m(1) }}{% endmacro %}{% call m(xs) %}{% endcall %}",
        "{% filter upper | indent(2) %}{{ xs }}{% endfilter %}",
        "{{ xs | map(attribute='a') | select('odd') | join(', ') }}{{ range(3) }}{{ dict(a=xs) }}",
        "{{ xs[1:2] }}{{ [xs, (xs, 1)] }}{{ {'a': xs} }}{{ not xs and -1 < 2 in xs }}{{ 'a' if xs else 'b' }}",
        "{{ xs is defined }}{{ xs is not none }}{{ xs is divisibleby 3 }}{{ xs is eq(1) }}",
        "{% for x in xs %}{% if x %}{% continue %}{% endif %}{% break %}{% endfor %}",
        "{% do namespace(a=xs) %}{% autoescape false %}{{ xs }}{% endautoescape %}{% raw %}{{ zzz }}{% endraw %}{# {{ zzz }} #}",
    ] {
        assert_eq!(used(template, &["xs"]), ["xs"], "{template}");
    }
}

#[test]
fn a_name_is_unknown_outside_of_its_scope_and_before_its_definition() {
    for template in [
        "{% for x in xs %}{% endfor %}{{ x }}",
        "{% for x in x %}{% endfor %}",
        "{% for y in xs %}{% else %}{{ loop }}{% endfor %}",
        "{% with x = 1 %}{% endwith %}{{ x }}",
        "{% macro m(x) %}{% endmacro %}{{ x }}{{ m(1) }}",
        "{{ x }}{% set x = 1 %}",
        "{% set x = x %}",
        "{{ xs[x] }}",
        "{{ xs[:x] }}",
        "{{ xs | join(x) }}",
        "{{ xs is eq(x) }}",
        "{{ range(**x) }}",
        "{% set x.y = 1 %}",
        "{% filter replace(x, 'a') %}{% endfilter %}",
        "{% autoescape x %}{% endautoescape %}",
        "{% macro m(a=x) %}{% endmacro %}",
        "# user:\n{% set x = 1 %}{{ x }}\n# user:\n{{ x }}",
    ] {
        let found = mistakes(template, &["xs"]);
        assert_eq!(found.len(), 1, "{template}: {found:#?}");
        assert!(
            found[0].contains("unknown variable"),
            "{template}: {found:#?}"
        );
    }
}

#[test]
fn what_only_one_branch_sets_may_be_undefined() {
    assert_eq!(
        mistake("{% if a %}{% set y = 1 %}{% endif %}{{ y }}", &["a"]),
        "1:40^1 `y` may be undefined: only one branch of a condition sets it; set it before the condition, too"
    );
    assert_eq!(
        mistakes(
            "{% for x in a %}{% else %}{% set y = 1 %}{% endfor %}{{ y }}",
            &["a"]
        )
        .len(),
        1
    );
}

#[test]
fn filters_and_tests_that_a_text_names_must_be_there() {
    assert_eq!(
        mistakes(
            "{{ a | map('uper') }}{{ a | select('od') | list }}{{ a | rejectattr('b', 'eqq', 1) | list }}{{ range }}",
            &["a"]
        ),
        [
            "1:12^6 unknown filter `uper`; did you mean `upper`?",
            "1:36^4 unknown test `od`; did you mean `odd`?",
            "1:74^5 unknown test `eqq`; did you mean `eq`?",
            "1:96^5 `range` is a function, which is called: `range(…)`",
        ]
    );
}

#[test]
fn a_misspelt_tag_is_the_mistake_and_not_its_end() {
    assert_eq!(
        mistake("{% fro x in a %}{{ x }}{% endfor %}", &["a"]),
        "1:4^3 unknown tag `fro`; did you mean `for`?"
    );
}
