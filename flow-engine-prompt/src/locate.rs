//! Where a prompt file is, given the name that the source code says.

mod not_found;
mod read;

use std::path::{Component, Path, PathBuf};

pub use not_found::NotFound;
pub use read::ReadError;

/// The folders in which names are looked up.
const FOLDER: &str = "prompts";

/// A prompt file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The absolute path, for reading and for `include_str!`.
    pub path: PathBuf,
    /// The path from the workspace root with `/` between its parts, for messages and for what is compiled in: it
    /// is the same on every machine.
    pub shown: String,
}

/// Finds the prompt file `name` for a step in `source_file`.
///
/// A name that begins with `./` or `../` is looked for beside the source file. Any other is looked for in the
/// `prompts/` folders from the source file's folder up to the workspace root, then in those from `manifest_dir` up
/// if that is in the same workspace; the nearest file wins. The workspace root is the first folder upwards with a `Cargo.lock` or `.git`, or else
/// `manifest_dir`.
///
/// Names are relative and stay inside: `./` and `../` names inside the workspace, all others inside their
/// `prompts/` folder (`billing/bill.md` is fine). So a program's prompts are part of its repository and its
/// package, and the name in a binary says nothing about the machine it was built on.
///
/// # Errors
/// If there is no such file, with every place that was tried and the nearest name that exists; if the name leads
/// outside; if it is that of a folder.
pub fn locate(
    name: &str,
    source_file: Option<&Path>,
    manifest_dir: &Path,
) -> Result<Located, NotFound> {
    let manifest_dir = absolute(manifest_dir);
    let source_dir = source_file.and_then(|file| absolute(file).parent().map(Path::to_path_buf));
    let root = source_dir
        .as_deref()
        .and_then(root_above)
        .or_else(|| root_above(&manifest_dir));
    let root = root.unwrap_or(&manifest_dir);
    let mut search = Search {
        name,
        root,
        tried: Vec::new(),
        folders: Vec::new(),
    };

    let relative = Path::new(name);
    let beside = name.starts_with("./") || name.starts_with("../");
    if name.is_empty() || name.ends_with('/') {
        return Err(search.refused("it is not the name of a file"));
    }
    if relative.is_absolute() || relative.has_root() {
        return Err(search.refused("an absolute path holds on one machine only"));
    }
    if beside {
        let Some(source_dir) = &source_dir else {
            return Err(search.refused("it is relative to a source file that is not known"));
        };
        let path = normalized(&source_dir.join(relative));
        if !path.starts_with(root) {
            return Err(search.refused("it leads out of the workspace"));
        }
        return search.accept(&path)?.ok_or_else(|| search.not_found());
    }
    if relative
        .components()
        .any(|part| part == Component::ParentDir)
    {
        return Err(search.refused("it leads out of its `prompts/` folder"));
    }
    // A file may be compiled by a package of another workspace, as by a test harness in the target folder.
    let same_workspace =
        root_above(&manifest_dir).is_none_or(|manifest_root| manifest_root == root);
    let dirs = source_dir
        .iter()
        .map(PathBuf::as_path)
        .chain(same_workspace.then_some(manifest_dir.as_path()));
    for dir in dirs.flat_map(|dir| up_to(dir, root)) {
        let folder = dir.join(FOLDER);
        if !search.folders.contains(&folder) {
            search.folders.push(folder.clone());
            if let Some(located) = search.accept(&normalized(&folder.join(relative)))? {
                return Ok(located);
            }
        }
    }
    Err(search.not_found())
}

struct Search<'s> {
    name: &'s str,
    root: &'s Path,
    /// Every path tried, as shown.
    tried: Vec<String>,
    /// The `prompts/` folders looked into.
    folders: Vec<PathBuf>,
}

impl Search<'_> {
    fn accept(&mut self, path: &Path) -> Result<Option<Located>, NotFound> {
        let shown = shown(path, self.root);
        if path.is_dir() {
            return Err(self.refused(&format!("`{shown}` is a folder")));
        }
        if path.exists() {
            return Ok(Some(Located {
                path: path.to_path_buf(),
                shown,
            }));
        }
        self.tried.push(shown);
        Ok(None)
    }

    fn refused(&self, reason: &str) -> NotFound {
        NotFound::refused(self.name, reason)
    }

    fn not_found(&self) -> NotFound {
        NotFound::nowhere(self.name, self.tried.clone(), &self.folders)
    }
}

fn absolute(path: &Path) -> PathBuf {
    normalized(&std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()))
}

/// `path` without `.` and `..`. Links are not followed, so that the path stays the one the user knows.
fn normalized(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            part => clean.push(part),
        }
    }
    clean
}

/// The workspace root above `dir`. Inside a package without one there may be a file system's worth of folders
/// above, none of which are the user's prompts.
fn root_above(dir: &Path) -> Option<&Path> {
    dir.ancestors()
        .find(|dir| dir.join("Cargo.lock").exists() || dir.join(".git").exists())
}

/// `dir` and the folders above it, up to `root`; `dir` alone if it is elsewhere.
fn up_to<'p>(dir: &'p Path, root: &Path) -> Vec<&'p Path> {
    if !dir.starts_with(root) {
        return vec![dir];
    }
    dir.ancestors()
        .take_while(|dir| dir.starts_with(root))
        .collect()
}

fn shown(path: &Path, root: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).iter();
    let parts: Vec<_> = parts.map(|part| part.to_string_lossy()).collect();
    // Only a path outside of the root still has one, which is itself a separator.
    parts.join("/").replace("//", "/")
}

#[cfg(test)]
mod tests;
