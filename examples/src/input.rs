//! The article: the one that comes with the examples, or a file of the user's.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

const INCLUDED: &str = include_str!("../data/article.txt");

/// Far above any article, far below what a model reads at once.
const MAX_BYTES: u64 = 1_000_000;

/// What the user gave on the command line.
#[derive(Debug)]
pub enum Article {
    /// Nothing: the included article.
    Included,
    /// A file's text.
    File(String),
}

impl Article {
    /// Reads the file named by the first argument, if there is one.
    ///
    /// # Errors
    /// When it is not a readable text of at most one megabyte.
    pub fn from_arguments() -> Result<Self> {
        let mut arguments = std::env::args_os().skip(1);
        let Some(path) = arguments.next().map(PathBuf::from) else {
            return Ok(Self::Included);
        };
        ensure!(
            arguments.next().is_none(),
            "this takes one article at a time: give one file"
        );
        ensure!(
            !path.to_string_lossy().starts_with("--"),
            "there are no options; give a text file, or nothing for the included article"
        );
        let shown = path.display();
        let file = File::open(&path).with_context(|| format!("cannot open {shown}"))?;
        let metadata = file
            .metadata()
            .with_context(|| format!("cannot read {shown}"))?;
        ensure!(!metadata.is_dir(), "{shown} is a folder; give a text file");
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .with_context(|| format!("cannot read {shown}"))?;
        if bytes.len() as u64 > MAX_BYTES {
            bail!(
                "{shown} is larger than {MAX_BYTES} bytes, which is no article; give a shorter text"
            );
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            anyhow::anyhow!("{shown} is not UTF-8 text: the byte at {at} is not; convert it first")
        })?;
        ensure!(
            !text.trim().is_empty(),
            "{shown} is empty; give a file with an article in it"
        );
        Ok(Self::File(text))
    }

    /// The article itself.
    pub fn text(&self) -> &str {
        match self {
            Self::Included => INCLUDED,
            Self::File(text) => text,
        }
    }
}
