//! Which errors are of a server that has no room, no memory, or a broken disk: they are about none of the rows that it was
//! to write.

use diesel::result::{DatabaseErrorKind, Error};

/// The primary messages of the classes 53 (insufficient resources) and 58 (system error), and of damaged files. diesel keeps
/// no SQLSTATE, only the text. The first are those of the operating system, which stand behind the name of a file.
const FAILING: [&str; 14] = [
    "No space left on device",
    "Disk quota exceeded",
    "Input/output error",
    "Read-only file system",
    "Cannot allocate memory",
    "Too many open files",
    // To a disk that was full in the middle of a block.
    "could not extend file",
    "could not write to",
    "could not fsync file",
    "temporary file size exceeds",
    "out of memory",
    "out of shared memory",
    "could not read block",
    "invalid page in block",
];

/// Whether it is the server that fails.
pub(super) fn is_failing(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(DatabaseErrorKind::Unknown, details)
        if FAILING.iter().any(|failing| details.message().contains(failing)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: DatabaseErrorKind, text: &str) -> Error {
        Error::DatabaseError(kind, Box::new(text.to_owned()))
    }

    #[test]
    fn a_server_without_room_is_told_from_a_row_that_it_refuses() {
        use DatabaseErrorKind::{CheckViolation, Unknown};
        for (kind, text, failing) in [
            (
                Unknown,
                "could not extend file \"base/5/16403\": No space left on device",
                true,
            ),
            (
                Unknown,
                "could not extend file \"base/5/16403\": wrote only 4096 of 8192 bytes at block 7",
                true,
            ),
            (
                Unknown,
                "could not write to file \"pg_wal/xlogtemp.9\": Disk quota exceeded",
                true,
            ),
            (
                Unknown,
                "could not open file \"base/5/16403\": Read-only file system",
                true,
            ),
            (
                Unknown,
                "temporary file size exceeds temp_file_limit (64kB)",
                true,
            ),
            (Unknown, "out of memory", true),
            (Unknown, "invalid input syntax for type json", false),
            (
                Unknown,
                "index row size 2800 exceeds btree version 4 maximum 2704 for index \"i\"",
                false,
            ),
            (CheckViolation, "No space left on device", false),
        ] {
            assert_eq!(is_failing(&error(kind, text)), failing, "{text}");
        }
    }
}
