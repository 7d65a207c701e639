//! Text that is put together in a constant, where there is no `String`.

/// In bytes: some mistakes, each with a line of a prompt file and its position.
const ROOM: usize = 4096;

/// A text of limited length; what does not fit is cut.
pub(super) struct Message {
    bytes: [u8; ROOM],
    length: usize,
}

impl Message {
    pub(super) const fn new() -> Self {
        Self {
            bytes: [0; ROOM],
            length: 0,
        }
    }

    pub(super) const fn with(mut self, text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() && self.length < ROOM {
            self.bytes[self.length] = bytes[at];
            self.length += 1;
            at += 1;
        }
        self
    }

    pub(super) const fn as_str(&self) -> &str {
        let mut end = self.length;
        // A cut may be inside of a character.
        loop {
            match std::str::from_utf8(self.bytes.split_at(end).0) {
                Ok(text) => return text,
                Err(_) => end -= 1,
            }
        }
    }
}

/// In bytes. Longer names are near to none.
const LONGEST_NAME: usize = 64;

/// How many letters have to be added, left out, changed or swapped with their neighbour; letters are bytes, upper and lower
/// case are one.
pub(super) const fn distance(one: &str, other: &str) -> usize {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() > LONGEST_NAME || other.len() > LONGEST_NAME {
        return usize::MAX;
    }
    // Of the table of all prefixes, the rows of the last three letters.
    let mut before = [0; LONGEST_NAME + 1];
    let mut above = [0; LONGEST_NAME + 1];
    let mut column = 0;
    while column <= other.len() {
        above[column] = column;
        column += 1;
    }
    let mut line = 1;
    while line <= one.len() {
        let mut row = [0; LONGEST_NAME + 1];
        row[0] = line;
        let mut column = 1;
        while column <= other.len() {
            let same = same_letter(one[line - 1], other[column - 1]);
            let changed = above[column - 1] + if same { 0 } else { 1 };
            row[column] = least(changed, least(above[column], row[column - 1]) + 1);
            let swapped = line > 1
                && column > 1
                && same_letter(one[line - 1], other[column - 2])
                && same_letter(one[line - 2], other[column - 1]);
            if swapped {
                row[column] = least(row[column], before[column - 2] + 1);
            }
            column += 1;
        }
        (before, above) = (above, row);
        line += 1;
    }
    above[other.len()]
}

const fn same_letter(one: u8, other: u8) -> bool {
    one.eq_ignore_ascii_case(&other)
}

const fn least(one: usize, other: usize) -> usize {
    if one < other { one } else { other }
}
