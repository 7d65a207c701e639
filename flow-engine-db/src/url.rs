//! Which database a URL means.

use std::path::PathBuf;

use crate::StoreError;

/// A database that this crate can open.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DatabaseUrl {
    Sqlite(PathBuf),
}

const SUPPORTED: &str = "this version supports `sqlite://path/to/file.db`";

/// Reads `sqlite://path` and `sqlite:path`; the path is taken as it is, relative to the working
/// directory.
pub(crate) fn parse(url: &str) -> Result<DatabaseUrl, StoreError> {
    let refuse = |reason: String| StoreError::UnsupportedUrl {
        url: without_password(url),
        reason,
    };

    let Some((scheme, rest)) = url.split_once(':') else {
        return Err(refuse(format!("it has no scheme; {SUPPORTED}")));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "sqlite" => {}
        "postgres" | "postgresql" => {
            return Err(refuse(format!(
                "PostgreSQL is not supported yet; {SUPPORTED}"
            )));
        }
        _ => return Err(refuse(format!("`{scheme}` is not supported; {SUPPORTED}"))),
    }
    if cfg!(not(feature = "sqlite")) {
        return Err(refuse(
            "this build is without SQLite; turn on the feature `sqlite`".to_owned(),
        ));
    }

    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() {
        return Err(refuse(format!("the path is missing; {SUPPORTED}")));
    }
    if path.contains(":memory:") {
        return Err(refuse(format!(
            "a database in memory cannot be shared by several connections; {SUPPORTED}"
        )));
    }
    if path.contains('?') {
        return Err(refuse(format!(
            "parameters after `?` are not supported; {SUPPORTED}"
        )));
    }
    if path.contains('\0') {
        return Err(refuse("the path contains a NUL character".to_owned()));
    }
    Ok(DatabaseUrl::Sqlite(PathBuf::from(path)))
}

/// `scheme://user:secret@host` without the secret; a URL may come from the environment and end in a
/// log.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    // The last `@` before the path ends the user information: a password may hold an unescaped one.
    let authority_end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    match authority.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{host}{path}")
        }
        None => url.to_owned(),
    }
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
                DatabaseUrl::Sqlite(PathBuf::from(path)),
                "{url}"
            );
        }
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn what_cannot_work_is_refused_with_its_reason() {
        assert!(refusal("sqlite::memory:").contains("memory cannot be shared"));
        assert!(refusal("sqlite://").contains("the path is missing"));
        assert!(refusal("sqlite://runs.db?mode=rwc").contains("parameters after `?`"));
        assert!(refusal("mysql://localhost/x").contains("`mysql` is not supported"));
    }

    #[test]
    fn a_password_is_in_no_message() {
        for url in [
            "postgres://ada:s3cret@db/app",
            "mysql://ada:s3c@s3cret@db/app",
            "postgresql://:s3cret@db",
        ] {
            let message = refusal(url);
            assert!(!message.contains("s3c"), "{message}");
        }
    }
}
