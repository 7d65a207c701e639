use crate::parse;
use crate::requirement::{Need, Requirement, Segment};

/// What a template asks of its inputs: `path need line:column^width of expression`.
fn asks(template: &str) -> Vec<String> {
    let inputs = ["a", "b", "xs", "note"];
    let analysis = parse("p.md", template).unwrap().check(&inputs);
    assert_eq!(analysis.diagnostics, [], "{template}");
    analysis.requirements.iter().map(short).collect()
}

/// The same without places and expressions.
fn paths(template: &str) -> Vec<String> {
    let mut paths = asks(template);
    for path in &mut paths {
        let end = path.match_indices(' ').nth(1).unwrap().0;
        path.truncate(end);
    }
    paths
}

fn short(requirement: &Requirement) -> String {
    let mut path = requirement.input.clone();
    for segment in &requirement.path {
        match segment {
            Segment::Field(name) => path.extend([".", name]),
            Segment::Item => path.push_str("[*]"),
            Segment::Index => path.push_str("[_]"),
            Segment::Present => path.push('!'),
        }
    }
    let need = match requirement.need {
        Need::Exists => "exists",
        Need::Loop => "loops",
        Need::Print => "prints",
        Need::Stand => "stands",
        Need::Text => "becomes",
    };
    let location = &requirement.location;
    let (line, column) = (location.line, location.column);
    let carets = location.snippet.matches('^').count();
    let expression = &requirement.expression;
    format!("{path} {need} {line}:{column}^{carets} of {expression}")
}

#[test]
fn a_field_is_asked_for_at_its_name_and_what_is_printed_as_a_whole() {
    assert_eq!(
        asks("# user:\nBy {{ a.author.name }}."),
        [
            "a.author exists 2:9^6 of a",
            "a.author.name exists 2:16^4 of a.author",
            "a.author.name prints 2:7^13 of a.author.name",
        ]
    );
}

#[test]
fn loops_give_their_items_and_a_loop_over_none_has_none() {
    assert_eq!(
        asks("{% for x in a.xs %}{{ x.title }}{% endfor %}"),
        [
            "a.xs exists 1:15^2 of a",
            "a.xs loops 1:13^4 of a.xs",
            "a.xs![*].title exists 1:25^5 of x",
            "a.xs![*].title prints 1:23^7 of x.title",
        ]
    );
    assert_eq!(
        paths("{% for x in xs if x.open %}{% for y in x.ys %}{{ y }}{% endfor %}{% endfor %}"),
        [
            "xs loops",
            "xs![*].open exists",
            "xs![*].ys exists",
            "xs![*].ys loops",
            "xs![*].ys![*] prints",
        ]
    );
}

#[test]
fn names_of_the_template_stand_for_what_they_were_set_to() {
    assert_eq!(
        paths("{% set author = a.author %}{{ author.name }}"),
        [
            "a.author exists",
            "a.author.name exists",
            "a.author.name prints"
        ]
    );
    assert_eq!(
        paths("{% with x = a.x, y = x.y %}{{ y.z }}{% endwith %}"),
        [
            "a.x exists",
            "a.x.y exists",
            "a.x.y.z exists",
            "a.x.y.z prints"
        ]
    );
    // In either case it must be there.
    assert_eq!(
        paths("{% if b %}{% set x = a.x %}{% else %}{% set x = a.y %}{% endif %}{{ x.z }}"),
        [
            "a.x exists",
            "a.y exists",
            "a.x.z exists",
            "a.y.z exists",
            "a.x.z prints",
            "a.y.z prints",
        ]
    );
    assert_eq!(
        paths("{% set x = a.x %}{% set x = 'text' %}{{ x.z }}"),
        ["a.x exists"]
    );
    assert_eq!(
        paths("{% if b %}{% set x = a.x %}{% else %}{% set x = 1 %}{% endif %}{{ x.z }}"),
        ["a.x exists"]
    );
}

#[test]
fn a_condition_says_what_is_not_none() {
    for (template, expected) in [
        ("{% if note %}{{ note }}{% endif %}", "note! prints"),
        (
            "{% if not note %}{% else %}{{ note }}{% endif %}",
            "note! prints",
        ),
        (
            "{% if note is none %}{% else %}{{ note }}{% endif %}",
            "note! prints",
        ),
        (
            "{% if note is not none %}{{ note }}{% endif %}",
            "note! prints",
        ),
        ("{% if note != none %}{{ note }}{% endif %}", "note! prints"),
        ("{% if 'x' == note %}{{ note }}{% endif %}", "note! prints"),
        (
            "{% if note is string %}{{ note }}{% endif %}",
            "note! prints",
        ),
        ("{% if note and b %}{{ note }}{% endif %}", "note! prints"),
        (
            "{% if not (not note or b) %}{{ note }}{% endif %}",
            "note! prints",
        ),
        ("{{ note if note }}", "note! prints"),
        ("{{ 'no' if not note else note }}", "note! prints"),
        ("{{ note or 'none' }}", "note! prints"),
        ("{% if note > 3 %}{{ note }}{% endif %}", "note! prints"),
        ("{% if 3 <= note %}{{ note }}{% endif %}", "note! prints"),
        (
            "{% if note < 3 %}{% else %}{{ note }}{% endif %}",
            "note! prints",
        ),
        (
            "{% if note in ['a', 'b'] %}{{ note }}{% endif %}",
            "note! prints",
        ),
        (
            "{% if note not in ['a'] %}{% else %}{{ note }}{% endif %}",
            "note! prints",
        ),
        (
            "{% if note | default('', true) %}{{ note }}{% endif %}",
            "note! prints",
        ),
        (
            "{% if not note %}{% set note = 'x' %}{% endif %}{{ note }}",
            "",
        ),
        (
            "{% if note %}{% else %}{% set note = note or '' %}{% endif %}{{ note }}",
            "note! prints",
        ),
        (
            "{% if b %}{% set note = a or '' %}{% endif %}{{ note }}",
            "a! prints, note prints",
        ),
        ("{% if note < 3 %}{{ note }}{% endif %}", "note prints"),
        (
            "{% if note in ['a', none] %}{{ note }}{% endif %}",
            "note prints",
        ),
        (
            "{% if note | default('x', true) %}{{ note }}{% endif %}",
            "note prints",
        ),
        ("{{ note | default('none', true) }}", "note! prints"),
        ("{% set note = note or '' %}{{ note }}", "note! prints"),
        (
            "{% if note %}{% else %}{{ note }}{% endif %}",
            "note prints",
        ),
        ("{% if note or b %}{{ note }}{% endif %}", "note prints"),
        (
            "{% if note is defined %}{{ note }}{% endif %}",
            "note prints",
        ),
        ("{% if note == none %}{{ note }}{% endif %}", "note prints"),
        ("{% if note %}{% endif %}{{ note }}", "note prints"),
        ("{{ note | default('none') }}", "note prints"),
        ("{{ note }}", "note stands"),
        ("{{ note }}.", "note prints"),
        ("{% if b %}\n{{ note }}\n{% endif %}", "note prints"),
    ] {
        assert_eq!(paths(template).join(", "), expected, "{template}");
    }
}

#[test]
fn a_condition_on_a_field_holds_for_that_field_of_that_variable() {
    let last = |template: &str| paths(template).pop().unwrap();
    assert_eq!(
        last("{% if a.note %}{{ a.note }}{% endif %}"),
        "a.note! prints"
    );
    assert_eq!(
        last("{% if a.note %}{{ b.note }}{% endif %}"),
        "b.note prints"
    );
    assert_eq!(
        last("{% if a.x is defined %}{{ a.x }}{% endif %}"),
        "a!.x prints"
    );
    assert_eq!(
        last("{% set c = a %}{% if c.note %}{{ c.note }}{% endif %}"),
        "a.note! prints"
    );
    // Another item of the same list.
    let nested = "{% for x in xs if x.note %}{% for x in xs %}{{ x.note }}{% endfor %}{% endfor %}";
    assert_eq!(last(nested), "xs![*].note prints");
    // Another variable of the same name.
    let shadowed = "{% if note %}{% with note = b %}{{ note }}{% endwith %}{% endif %}";
    assert_eq!(last(shadowed), "b prints");
    let branches = "{% set y = b %}{% if b %}{% set x = a.x %}{% else %}{% set x = 1 %}{% set y = a.y %}{% endif %}\
                    {% if x %}{{ y }}{% endif %}";
    assert_eq!(last(branches), "a.y prints");
    // Either of two places.
    assert_eq!(
        last("{% if (a or b) == 'x' %}{{ a }}{% endif %}"),
        "a prints"
    );
}

#[test]
fn filters_keep_items_and_name_their_fields() {
    assert_eq!(
        asks("{{ xs | map(attribute='author.nam') | join }}"),
        [
            "xs![*]!.author exists 1:23^12 of xs[…]",
            "xs![*]!.author.nam exists 1:23^12 of xs[…].author",
        ]
    );
    assert_eq!(
        paths(
            "{% for x in xs | selectattr('open') | sort(attribute='rank') | reverse %}{{ x.t }}{% endfor %}"
        ),
        [
            "xs![*]!.open exists",
            "xs![*]!.rank exists",
            "xs! loops",
            "xs![*].t exists",
            "xs![*].t prints",
        ]
    );
    assert_eq!(
        paths("{{ (xs | first).t }}{{ xs[0].u }}{{ xs['k'].v }}{{ xs[b].w | upper }}"),
        [
            "xs![*].t exists",
            "xs![*].t prints",
            "xs[_] exists",
            "xs[_].u exists",
            "xs[_].u prints",
            "xs.k exists",
            "xs.k.v exists",
            "xs.k.v prints",
            "xs[_].w exists",
            "xs[_].w becomes",
        ]
    );
}

#[test]
fn what_may_be_absent_is_passed_through_where_that_is_expected() {
    assert_eq!(
        paths("{{ a.b.c | default('x') }}"),
        ["a.b exists", "a.b!.c exists", "a.b!.c prints"]
    );
    assert_eq!(
        paths("{% if a.b.c is defined %}{{ a.b.c }}{% endif %}"),
        [
            "a.b exists",
            "a.b!.c exists",
            "a!.b exists",
            "a!.b!.c exists",
            "a!.b!.c prints",
        ]
    );
}

#[test]
fn nothing_is_asked_of_what_is_computed() {
    for template in [
        "{{ a | length }}{{ b | tojson }}{{ xs | map('upper') | first }}",
        "{% macro m(x) %}{{ x.y.z }}{% endmacro %}{{ m(1) }}",
        "{% for x in xs recursive %}{{ x.y }}{{ loop(x.z) }}{{ loop.index }}{% endfor %}",
        "{% for k, v in a | items %}{{ k }}{{ v.x }}{% endfor %}",
        "{% set x %}{{ 1 }}{% endset %}{{ x.y }}",
        "{% for i in range(3) %}{{ i.x }}{% endfor %}",
        "{% filter upper %}x{% endfilter %}",
    ] {
        let paths: Vec<_> = paths(template)
            .into_iter()
            .filter(|path| path != "xs loops")
            .collect();
        assert_eq!(paths, [""; 0], "{template}");
    }
}

#[test]
fn a_long_chain_of_conditions_is_looked_at_once() {
    let chain = vec!["a.b"; 200].join(" or ");
    assert_eq!(paths(&format!("{{{{ {chain} }}}}")).len(), 2 + 1);
    let nested = "{% if a.b %}".repeat(60) + "{{ a.b }}" + &"{% endif %}".repeat(60);
    assert_eq!(paths(&nested).last().unwrap(), "a.b! prints");
}

#[test]
fn what_a_filter_chose_items_by_they_have() {
    let printed = |list: &str, item: &str| {
        let template = format!("{{% for x in {list} %}}{{{{ {item} }}}}{{% endfor %}}");
        paths(&template).pop().unwrap()
    };
    assert_eq!(
        printed("xs | selectattr('note')", "x.note"),
        "xs![*].note! prints"
    );
    assert_eq!(
        printed("xs | selectattr('note', 'string') | list", "x.note"),
        "xs![*].note! prints"
    );
    assert_eq!(
        printed("xs | rejectattr('note', 'none')", "x.note"),
        "xs![*].note! prints"
    );
    assert_eq!(printed("xs | select", "x"), "xs![*]! prints");
    assert_eq!(printed("xs | reject('none')", "x"), "xs![*]! prints");
    assert_eq!(
        printed("xs | selectattr('note')", "x.other"),
        "xs![*].other prints"
    );
    assert_eq!(
        printed("xs | rejectattr('note')", "x.note"),
        "xs![*].note prints"
    );
    assert_eq!(
        printed("xs | selectattr('note', 'none')", "x.note"),
        "xs![*].note prints"
    );
}

#[test]
fn what_leaves_a_loop_says_what_is_behind_it() {
    let template =
        "{% for x in xs %}{% if not x.note %}{% continue %}{% endif %}{{ x.note }}{% endfor %}";
    assert_eq!(paths(template).pop().unwrap(), "xs![*].note! prints");
    let template = "{% for x in xs %}{% if not x.note %}no{% endif %}{{ x.note }}{% endfor %}";
    assert_eq!(paths(template).pop().unwrap(), "xs![*].note prints");
}

#[test]
fn what_is_set_where_a_loop_found_nothing_is_set_behind_it() {
    let template =
        "{% set y = 1 %}{% for x in xs %}{% else %}{% set y = note or '' %}{% endfor %}{{ y }}";
    assert_eq!(paths(template), ["xs loops"]);
}

#[test]
fn what_becomes_another_text_must_be_one() {
    assert_eq!(
        asks("{{ a | upper | trim }} {{ b ~ ' x' }} {{ 'x' if b else a.note }}"),
        [
            "a becomes 1:4^1 of a",
            "b becomes 1:27^1 of b",
            "a.note exists 1:58^4 of a",
            "a.note prints 1:42^20 of a.note",
        ]
    );
}
