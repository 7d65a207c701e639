//! Which errors pass: the same transaction can succeed later, on another connection.

use diesel::result::{DatabaseErrorKind, Error};

/// What the server says when it stops, starts, or chose this transaction to give way. diesel keeps no SQLSTATE, only the
/// text.
const PASSING: [&str; 10] = [
    "terminating connection",
    "the database system is starting up",
    "the database system is shutting down",
    "the database system is in recovery mode",
    "is not yet accepting connections",
    "deadlock detected",
    "canceling statement due to",
    "could not serialize access",
    "too many clients",
    "remaining connection slots",
];

/// What went wrong on our side of the connection, and would again.
const OURS: [&str; 5] = [
    "error serializing parameter",
    "error encoding message",
    "error deserializing column",
    "expected ",
    "invalid column",
];

/// Whether the same can succeed later.
pub(super) fn is_transient(error: &Error) -> bool {
    use DatabaseErrorKind::{
        ClosedConnection, ReadOnlyTransaction, SerializationFailure, UnableToSendCommand, Unknown,
    };
    match error {
        Error::DatabaseError(kind, details) => {
            let text = details.message();
            match kind {
                // Read-only is what the old server is after a failover.
                ClosedConnection | SerializationFailure | ReadOnlyTransaction => true,
                UnableToSendCommand => !OURS.iter().any(|ours| text.starts_with(ours)),
                Unknown => PASSING.iter().any(|passing| text.contains(passing)),
                _ => false,
            }
        }
        Error::BrokenTransactionManager | Error::AlreadyInTransaction | Error::NotInTransaction => {
            true
        }
        Error::RollbackErrorOnCommit {
            rollback_error,
            commit_error,
        } => is_transient(commit_error) || is_transient(rollback_error),
        _ => false,
    }
}

/// Whether another transaction kept a lock for too long.
pub(super) fn is_locked(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(_, details) if details.message().contains("due to lock timeout"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: DatabaseErrorKind, text: &str) -> Error {
        Error::DatabaseError(kind, Box::new(text.to_owned()))
    }

    #[test]
    fn what_passes_is_told_from_what_stays() {
        use DatabaseErrorKind::{ForeignKeyViolation, UnableToSendCommand, Unknown};
        for (kind, text, transient) in [
            (UnableToSendCommand, "connection closed", true),
            (
                UnableToSendCommand,
                "error communicating with the server",
                true,
            ),
            (UnableToSendCommand, "error serializing parameter 3", false),
            (
                Unknown,
                "terminating connection due to administrator command",
                true,
            ),
            (Unknown, "deadlock detected", true),
            (Unknown, "canceling statement due to lock timeout", true),
            (Unknown, "invalid input syntax for type json", false),
            (
                Unknown,
                "could not extend file: No space left on device",
                false,
            ),
            (
                ForeignKeyViolation,
                "violates foreign key constraint",
                false,
            ),
        ] {
            assert_eq!(is_transient(&error(kind, text)), transient, "{text}");
        }
        let at_commit = Error::RollbackErrorOnCommit {
            rollback_error: Box::new(Error::BrokenTransactionManager),
            commit_error: Box::new(error(UnableToSendCommand, "connection closed")),
        };
        assert!(is_transient(&at_commit));
    }
}
