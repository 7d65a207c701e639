//! The databases that a test is held to: each test has a fresh one of either kind. What is done on it is left to the test.

mod postgres;

use std::any::Any;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// A database of one test, empty at first and gone with this.
pub(crate) struct Database {
    pub(crate) url: String,
    _keep: Box<dyn Any + Send + Sync>,
}

impl Database {
    pub(crate) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}", folder.path().join("test.db").display());
                Self {
                    url,
                    _keep: Box::new(folder),
                }
            }
            Kind::Postgres => {
                let database = postgres::Database::new("template1");
                Self {
                    url: database.url(),
                    _keep: Box::new(database),
                }
            }
        }
    }
}

/// Each test on both databases.
///
/// Beside the tests, by their names: `name::sqlite` and `name::postgres`, which get the `Lab` of the binary.
/// At the root, by their modules: `on_sqlite::name` and `on_postgres::name`, which get the `Kind`.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(&$crate::Lab::new($crate::Kind::Sqlite)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$name(&$crate::Lab::new($crate::Kind::Postgres)).await;
            }
        })+
    };
    ($($(#[$attribute:meta])* $module:ident::$test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            $(#[$attribute])*
            async fn $test() {
                $crate::$module::$test($crate::Kind::Sqlite).await;
            })+
        }

        mod on_postgres {
            $(#[tokio::test]
            $(#[$attribute])*
            async fn $test() {
                $crate::$module::$test($crate::Kind::Postgres).await;
            })+
        }
    };
}

pub(crate) use on_both;
