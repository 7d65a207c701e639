//! Where bytes are kept that are too large for a row: a folder, or a bucket by its URL. An artifact's name is the hash of its
//! content, so that one that is written twice is the same, and a name never stands for something else.

mod names;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::Utc;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use tokio::sync::{OnceCell, RwLock};
use url::Url;

use crate::environment::variable;
use crate::error::{Error, ErrorKind};
use crate::llm::LlmResponse;
pub(crate) use names::{SCHEME, names_in, reference};
use names::{hash, name};

const VARIABLE: &str = "FLOW_ENGINE_ARTIFACTS_URL";
/// Beside the database, if no other place is named.
const DEFAULT_FOLDER: &str = "flow-engine-artifacts";
/// Written once, to learn before anything is paid for whether artifacts can be.
const PROBE: &str = "flow-engine-can-write";

/// An engine's artifact store, opened when it is first needed.
#[derive(Debug)]
pub(crate) struct Artifacts {
    place: Place,
    opened: OnceCell<Opened>,
    written: OnceCell<()>,
    /// Held for writing while one is deleted: what is written meanwhile comes after it.
    deleting: RwLock<()>,
}

#[derive(Debug)]
enum Place {
    Folder(PathBuf),
    Bucket(Url),
}

#[derive(Debug)]
struct Opened {
    store: Arc<dyn ObjectStore>,
    below: ObjectPath,
}

impl Artifacts {
    /// The place that is given, else that of the environment, else a folder beside the database; of one on a server, in the
    /// working folder.
    pub(crate) fn new(url: Option<String>, database: &str) -> Result<Self, Error> {
        let url = match url {
            Some(url) => Some(url),
            None => variable(VARIABLE)?,
        };
        let place = if let Some(url) = url {
            place(url.trim())?
        } else {
            let file = Path::new(database).parent();
            let beside = file
                .filter(|_| !database.contains("://"))
                .unwrap_or(Path::new(""));
            Place::Folder(beside.join(DEFAULT_FOLDER))
        };
        Ok(Self {
            place,
            opened: OnceCell::new(),
            written: OnceCell::new(),
            deleting: RwLock::default(),
        })
    }

    /// Makes sure that artifacts can be written, so that nothing is paid for that cannot be kept.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        let written = self.written.get_or_try_init(|| async {
            let Opened { store, below } = self.opened().await?;
            let probe = below.clone().join(PROBE);
            let put = store.put(&probe, PutPayload::new()).await;
            put.map_err(|error| self.unwritable(&error))?;
            // Who may write but not delete keeps an empty file.
            let _deleted = store.delete(&probe).await;
            Ok(())
        });
        written.await.copied()
    }

    /// Puts the bytes of an answer's images into the store, and takes them out of the answer.
    pub(crate) async fn keep(&self, response: &mut LlmResponse) -> Result<(), Error> {
        for generated in &mut response.images {
            let Some(bytes) = &generated.bytes else {
                continue;
            };
            let Opened { store, below } = self.opened().await?;
            let _before_or_after = self.deleting.read().await;
            let path = below.clone().join(name(&generated.image.url)?);
            let put = store.put(&path, bytes.clone().into()).await;
            put.map_err(|error| self.unwritable(&error))?;
            generated.bytes = None;
        }
        Ok(())
    }

    /// The content of an artifact.
    pub(crate) async fn read(&self, reference: &str) -> Result<Bytes, Error> {
        let name = name(reference)?;
        let absent = || {
            failed(format!(
                "`{reference}` is not in {}: it was deleted, or it was made where artifacts are kept elsewhere (see {VARIABLE})",
                self.shown()
            ))
        };
        if matches!(&self.place, Place::Folder(folder) if !folder.exists()) {
            return Err(absent());
        }
        let Opened { store, below } = self.opened().await?;
        let unreadable = |error: &object_store::Error| {
            let (place, reason) = (self.shown(), innermost(error));
            failed(format!("cannot read `{reference}` in {place}: {reason}"))
        };
        let content = match store.get(&below.clone().join(name)).await {
            Ok(found) => found.bytes().await.map_err(|error| unreadable(&error))?,
            Err(object_store::Error::NotFound { .. }) => return Err(absent()),
            Err(error) => return Err(unreadable(&error)),
        };
        if !name.starts_with(&hash(&content)) {
            let place = self.shown();
            return Err(failed(format!(
                "`{reference}` in {place} is not what was written there: its hash differs"
            )));
        }
        Ok(content)
    }

    /// Deletes an artifact that nothing names. One that was written within the last `untouched` is left: a row that names it
    /// may be on its way. Whether it is gone.
    pub(crate) async fn delete(&self, name: &str, untouched: Duration) -> Result<bool, Error> {
        if matches!(&self.place, Place::Folder(folder) if !folder.exists()) {
            return Ok(true);
        }
        let Opened { store, below } = self.opened().await?;
        let path = below.clone().join(name);
        let _alone = self.deleting.write().await;
        let found = match store.head(&path).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(true),
            Err(error) => return Err(self.undeletable(name, &error)),
        };
        let age = (Utc::now() - found.last_modified)
            .to_std()
            .unwrap_or_default();
        if age < untouched {
            return Ok(false);
        }
        match store.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(true),
            Err(error) => Err(self.undeletable(name, &error)),
        }
    }

    fn undeletable(&self, name: &str, error: &object_store::Error) -> Error {
        let (place, reason) = (self.shown(), innermost(error));
        failed(format!("cannot delete `{name}` in {place}: {reason}"))
    }

    async fn opened(&self) -> Result<&Opened, Error> {
        let open = || async {
            match &self.place {
                Place::Folder(folder) => {
                    std::fs::create_dir_all(folder).map_err(|error| self.unwritable(&error))?;
                    let store = LocalFileSystem::new_with_prefix(folder)
                        .map_err(|error| self.unwritable(&error))?;
                    Ok(Opened {
                        // A row that names an artifact is on disk: so is the artifact.
                        store: Arc::new(store.with_fsync(true)),
                        below: ObjectPath::default(),
                    })
                }
                Place::Bucket(url) => {
                    // What the clouds' own tools read: `AWS_REGION`, `GOOGLE_SERVICE_ACCOUNT`, …
                    let variables = std::env::vars_os()
                        .filter_map(|(name, value)| {
                            Some((name.into_string().ok()?, value.into_string().ok()?))
                        })
                        .map(|(name, value)| (name.to_ascii_lowercase(), value))
                        .filter(|(name, _)| {
                            ["aws_", "google_", "azure_"]
                                .iter()
                                .any(|cloud| name.starts_with(cloud))
                        });
                    let (store, below) =
                        object_store::parse_url_opts(url, variables).map_err(|error| {
                            let reason = innermost(&error);
                            configuration(format!(
                                "cannot open {} for artifacts: {reason}",
                                self.shown()
                            ))
                        })?;
                    Ok(Opened {
                        store: store.into(),
                        below,
                    })
                }
            }
        };
        self.opened.get_or_try_init(open).await
    }

    fn unwritable(&self, error: &(dyn std::error::Error + 'static)) -> Error {
        failed(format!(
            "cannot write artifacts into {}: {}; make it writable, or name another place with \
             `Engine::builder().artifacts_url(…)` or {VARIABLE}",
            self.shown(),
            innermost(error)
        ))
    }

    /// Without a password.
    fn shown(&self) -> String {
        match &self.place {
            Place::Folder(folder) => format!("the folder {}", folder.display()),
            Place::Bucket(url) => {
                let host = url.host_str().unwrap_or_default();
                format!("{}://{host}{}", url.scheme(), url.path())
            }
        }
    }
}

fn place(given: &str) -> Result<Place, Error> {
    let url = Url::parse(given).map_err(|error| {
        configuration(format!(
            "`{given}` is no place for artifacts: {error}; a folder is written `file:///var/lib/artifacts`, a bucket \
             `s3://bucket/folder`"
        ))
    })?;
    let feature = match url.scheme() {
        "file" => {
            let folder = url.to_file_path().map_err(|()| {
                configuration(format!(
                    "`{given}` is no folder of this machine: it is written `file:///var/lib/artifacts`"
                ))
            })?;
            return Ok(Place::Folder(folder));
        }
        "s3" | "s3a" => ("s3", cfg!(feature = "s3")),
        "gs" => ("gcs", cfg!(feature = "gcs")),
        "az" | "adl" | "azure" | "abfs" | "abfss" => ("azure", cfg!(feature = "azure")),
        other => {
            return Err(configuration(format!(
                "artifacts cannot be kept at `{other}:`; they can in a folder (`file:///…`) and, with the feature of \
                 flow-engine behind it, in `s3://…` (`s3`), `gs://…` (`gcs`) and `az://…` (`azure`)"
            )));
        }
    };
    match feature {
        (_, true) => Ok(Place::Bucket(url)),
        (feature, false) => Err(configuration(format!(
            "to keep artifacts at `{}:`, turn on the feature `{feature}` of flow-engine",
            url.scheme()
        ))),
    }
}

/// The last cause, which says what is wrong.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut reason = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    reason.to_string()
}

fn failed(message: String) -> Error {
    Error::new(ErrorKind::Artifact, message)
}

fn configuration(message: String) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::{GeneratedImage, MockBackend};

    fn answer() -> LlmResponse {
        LlmResponse::of_images(vec![GeneratedImage::bytes(MockBackend::PNG)])
    }

    #[test]
    fn artifacts_of_a_database_on_a_server_are_in_the_working_folder() {
        let artifacts = Artifacts::new(None, "postgres://ada@db.example:5432/app").unwrap();
        let Place::Folder(folder) = &artifacts.place else {
            panic!("{:?}", artifacts.place);
        };
        assert_eq!(folder, Path::new(DEFAULT_FOLDER));
    }

    #[tokio::test]
    async fn what_was_kept_is_read_and_keeping_it_twice_is_harmless() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("x.db");
        let artifacts = Artifacts::new(None, database.to_str().unwrap()).unwrap();
        let here = folder.path().join(DEFAULT_FOLDER);
        let url = answer().images[0].image.url.clone();
        let absent = artifacts.read(&url).await.unwrap_err().to_string();
        assert!(absent.contains("it was deleted, or"), "{absent}");
        assert!(!here.exists(), "made when it is first needed");
        artifacts.check().await.unwrap();
        for _ in 0..2 {
            let mut response = answer();
            artifacts.keep(&mut response).await.unwrap();
            assert!(response.images[0].bytes.is_none());
        }
        assert_eq!(artifacts.read(&url).await.unwrap(), MockBackend::PNG);
        let files: Vec<_> = std::fs::read_dir(&here).unwrap().collect();
        assert_eq!(files.len(), 1, "{files:?}");

        let file = here.join(url.strip_prefix(SCHEME).unwrap());
        std::fs::write(file, "something else").unwrap();
        let damaged = artifacts.read(&url).await.unwrap_err().to_string();
        assert!(damaged.ends_with("its hash differs"), "{damaged}");
    }

    #[tokio::test]
    async fn only_what_was_not_written_lately_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::new(None, folder.path().join("x").to_str().unwrap()).unwrap();
        let mut response = answer();
        let url = response.images[0].image.url.clone();
        let name = name(&url).unwrap();
        let delete = |untouched| artifacts.delete(name, untouched);
        assert!(delete(Duration::ZERO).await.unwrap(), "no folder is made");
        artifacts.keep(&mut response).await.unwrap();
        assert!(!delete(Duration::from_mins(1)).await.unwrap());
        assert_eq!(artifacts.read(&url).await.unwrap(), MockBackend::PNG);
        assert!(delete(Duration::ZERO).await.unwrap());
        assert!(artifacts.read(&url).await.is_err());
        assert!(delete(Duration::ZERO).await.unwrap(), "it is gone");
    }

    #[tokio::test]
    async fn nothing_outside_of_the_store_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::new(None, folder.path().join("x").to_str().unwrap()).unwrap();
        for reference in ["artifact:../x", "artifact:", "https://x.org/a.png", "x"] {
            let error = artifacts.read(reference).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Artifact);
        }
    }

    #[test]
    fn a_place_that_cannot_be_used_says_what_to_do() {
        let refused = |url: &str| {
            Artifacts::new(Some(url.into()), "")
                .unwrap_err()
                .to_string()
        };
        assert!(refused("./artifacts").contains("`file:///var/lib/artifacts`"));
        assert!(refused("ftp://x/y").contains("`s3://…` (`s3`)"));
        assert!(refused("file://elsewhere/x").contains("no folder of this machine"));
        #[cfg(not(feature = "s3"))]
        assert_eq!(
            refused("s3://bucket/x"),
            "to keep artifacts at `s3:`, turn on the feature `s3` of flow-engine"
        );
    }

    #[test]
    fn a_folder_is_where_its_url_says() {
        let artifacts = Artifacts::new(Some("file:///var/a%20b".into()), "").unwrap();
        assert_eq!(artifacts.shown(), "the folder /var/a b");
    }
}
