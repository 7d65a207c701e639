//! Which database a URL means.

use crate::StoreError;

/// A database that this build can open.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DatabaseUrl {
    #[cfg(feature = "sqlite")]
    Sqlite(std::path::PathBuf),
    #[cfg(feature = "postgres")]
    Postgres(Box<crate::postgres::Target>),
}

const SUPPORTED: &str =
    "write `sqlite://path/to/file.db` or `postgres://user:password@host/database`";
const IN_MEMORY: &str = "a database in memory cannot be shared by several connections";

/// Reads `sqlite://path` and `sqlite:path`, whose path is taken as it is, relative to the working
/// directory, and `postgres://…`, which is also written `postgresql://…`.
pub(crate) fn parse(url: &str) -> Result<DatabaseUrl, StoreError> {
    let refuse = |reason: String| StoreError::UnsupportedUrl {
        url: shown(url),
        reason,
    };

    if url == ":memory:" {
        return Err(refuse(format!("{IN_MEMORY}; {SUPPORTED}")));
    }
    let Some((scheme, rest)) = split(url) else {
        let reason = if url.is_empty() {
            format!("it is empty; {SUPPORTED}")
        } else if is_path(url) {
            format!("it has no scheme; write `sqlite://{url}`")
        } else {
            format!("it has no scheme; {SUPPORTED}")
        };
        return Err(refuse(reason));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "sqlite" => sqlite(rest).map_err(refuse),
        "postgres" | "postgresql" => postgres(rest).map_err(refuse),
        _ => Err(refuse(format!("`{scheme}` is not supported; {SUPPORTED}"))),
    }
}

#[cfg(feature = "sqlite")]
fn sqlite(rest: &str) -> Result<DatabaseUrl, String> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() {
        return Err(format!("the path is missing; {SUPPORTED}"));
    }
    if path.contains(":memory:") {
        return Err(format!("{IN_MEMORY}; {SUPPORTED}"));
    }
    if path.contains('?') {
        return Err(format!(
            "parameters after `?` are not supported; {SUPPORTED}"
        ));
    }
    if path.contains('\0') {
        return Err("the path contains a NUL character".to_owned());
    }
    Ok(DatabaseUrl::Sqlite(path.into()))
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(_rest: &str) -> Result<DatabaseUrl, String> {
    Err("this build is without SQLite; turn on the feature `sqlite`".to_owned())
}

#[cfg(feature = "postgres")]
fn postgres(rest: &str) -> Result<DatabaseUrl, String> {
    // The library knows its scheme in small letters only.
    let target = crate::postgres::Target::parse(&format!("postgres:{rest}"));
    target.map(|target| DatabaseUrl::Postgres(Box::new(target)))
}

#[cfg(not(feature = "postgres"))]
fn postgres(_rest: &str) -> Result<DatabaseUrl, String> {
    Err("this build is without PostgreSQL; turn on the feature `postgres`".to_owned())
}

/// The scheme and what follows its colon. A single letter is a drive, not a scheme.
fn split(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once(':')?;
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme.then_some((scheme, rest))
}

/// What a message may show of `url`, which may come from the environment and end in a log: of
/// anything but a path no more than the scheme, since a password stands in a different place for
/// every database.
fn shown(url: &str) -> String {
    match split(url) {
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("sqlite") => match url.split_once('?') {
            Some((path, _parameters)) => format!("{path}?…"),
            None => url.to_owned(),
        },
        Some((scheme, _)) => format!("{scheme}:…"),
        None if url.is_empty() || url == ":memory:" || is_path(url) => url.to_owned(),
        None => "…".to_owned(),
    }
}

/// Whether a text without a scheme is the path of a file and can be nothing else.
fn is_path(text: &str) -> bool {
    let mut chars = text.chars();
    let drive = chars.next().is_some_and(|c| c.is_ascii_alphabetic())
        && chars.next() == Some(':')
        && matches!(chars.next(), Some('/' | '\\'));
    let path = if drive { &text[2..] } else { text };
    !path.is_empty() && !path.contains([':', '@', '=', '?', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> String {
        parse(url).unwrap_err().to_string()
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn both_forms_of_a_path_are_taken_literally() {
        for (url, path) in [
            ("sqlite://runs.db", "runs.db"),
            ("sqlite:runs.db", "runs.db"),
            ("sqlite:///var/lib/runs.db", "/var/lib/runs.db"),
            ("SQLite://./data/%20.db", "./data/%20.db"),
            ("sqlite:C:\\data\\runs.db", "C:\\data\\runs.db"),
        ] {
            assert_eq!(
                parse(url).unwrap(),
                DatabaseUrl::Sqlite(path.into()),
                "{url}"
            );
        }
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn what_cannot_work_is_refused_with_its_reason() {
        for (url, reason) in [
            ("sqlite::memory:", "memory cannot be shared"),
            ("sqlite://", "the path is missing"),
            ("sqlite://runs.db?mode=rwc", "parameters after `?`"),
        ] {
            assert!(refusal(url).contains(reason), "{}", refusal(url));
        }
    }

    #[test]
    fn what_is_no_url_is_refused_with_what_to_write() {
        for (url, expected) in [
            (
                ":memory:",
                "cannot use `:memory:` as a database: a database in memory cannot be shared",
            ),
            (
                "",
                "cannot use `` as a database: it is empty; write `sqlite://",
            ),
            (
                "b.db",
                "cannot use `b.db` as a database: it has no scheme; write `sqlite://b.db`",
            ),
            (
                "C:\\data\\b.db",
                "cannot use `C:\\data\\b.db` as a database: it has no scheme; write `sqlite://C:\\data\\b.db`",
            ),
            (
                "mysql://localhost/x",
                "cannot use `mysql:…` as a database: `mysql` is not supported",
            ),
        ] {
            let message = refusal(url);
            assert!(message.starts_with(expected), "{message}");
        }
    }

    #[test]
    fn a_password_is_in_no_message() {
        for url in [
            "postgres://ada:s3cret@db/app?sslmode=on",
            "postgres://ada:s3c/ret@db:no/app",
            "postgres://ada:s3cret",
            "postgres://ada:s3cret@Pass/wordret@127.0.0.1/d",
            "postgres://ada:no?s3cret=ret",
            "postgres://ada:s3c?ret=1@127.0.0.1/d?sslmode=on",
            "postgres:ada:s3cret@db",
            "postgres://db/app?user=ada&password=s3cret&sslmode=s3cret",
            "mysql://ada:s3c@s3cret@db/app",
            "postgresql://:s3cret@db",
            "my_app:s3cret",
            ":s3cret@db",
            "ada@s3cret",
            "s:s3cret@db",
            "host=db password=s3cret user=ada",
            "host=db password=s3cret options=-c:x",
            #[cfg(feature = "sqlite")]
            "sqlite://runs.db?password=s3cret",
        ] {
            let message = refusal(url);
            assert!(!message.contains("s3c"), "{message}");
            assert!(!message.contains("ret"), "{message}");
        }
    }
}
