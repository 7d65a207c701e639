//! The names of fields in JSON, by serde's rules.

/// How `#[serde(rename_all = "…")]` changes the names of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RenameAll {
    /// `lowercase` and `snake_case`: a field's name is both.
    Same,
    /// `UPPERCASE` and `SCREAMING_SNAKE_CASE`.
    Upper,
    Pascal,
    Camel,
    Kebab,
    ScreamingKebab,
}

impl RenameAll {
    /// `None` for a rule that serde does not have, which serde reports.
    pub(super) fn of(rule: &str) -> Option<Self> {
        Some(match rule {
            "lowercase" | "snake_case" => Self::Same,
            "UPPERCASE" | "SCREAMING_SNAKE_CASE" => Self::Upper,
            "PascalCase" => Self::Pascal,
            "camelCase" => Self::Camel,
            "kebab-case" => Self::Kebab,
            "SCREAMING-KEBAB-CASE" => Self::ScreamingKebab,
            _ => return None,
        })
    }

    /// The name in JSON of the field `name`.
    pub(super) fn of_field(self, name: &str) -> String {
        match self {
            Self::Same => name.to_owned(),
            Self::Upper => name.to_ascii_uppercase(),
            Self::Pascal => pascal(name),
            Self::Camel => {
                let pascal = pascal(name);
                let first = pascal.chars().next().map_or(0, char::len_utf8);
                pascal[..first].to_ascii_lowercase() + &pascal[first..]
            }
            Self::Kebab => name.replace('_', "-"),
            Self::ScreamingKebab => name.to_ascii_uppercase().replace('_', "-"),
        }
    }
}

/// Letters at the beginning and after `_` in upper case, without the `_`.
fn pascal(name: &str) -> String {
    let mut pascal = String::new();
    let mut capital = true;
    for letter in name.chars() {
        if letter == '_' {
            capital = true;
        } else if capital {
            pascal.push(letter.to_ascii_uppercase());
            capital = false;
        } else {
            pascal.push(letter);
        }
    }
    pascal
}

#[cfg(test)]
mod tests {
    use super::RenameAll;

    #[test]
    fn names_have_the_case_that_serde_gives_them() {
        for (rule, name) in [
            ("lowercase", "short_title"),
            ("snake_case", "short_title"),
            ("UPPERCASE", "SHORT_TITLE"),
            ("SCREAMING_SNAKE_CASE", "SHORT_TITLE"),
            ("kebab-case", "short-title"),
            ("SCREAMING-KEBAB-CASE", "SHORT-TITLE"),
            ("PascalCase", "ShortTitle"),
            ("camelCase", "shortTitle"),
        ] {
            let rule = RenameAll::of(rule).unwrap();
            assert_eq!(rule.of_field("short_title"), name);
        }
        assert_eq!(RenameAll::of("Train-Case"), None);
    }
}
