//! Opening a file that is not there, not ours, or not to be had.

use std::{error::Error as _, fs, path::Path};

use diesel::{
    Connection as _, RunQueryDsl as _, SqliteConnection, connection::SimpleConnection as _,
};
use diesel_migrations::MigrationHarness as _;
use flow_engine_db::{StoreError, connect};

async fn refused(url: &str) -> StoreError {
    match connect(url).await {
        Ok(store) => panic!("opened {}", store.location()),
        Err(error) => error,
    }
}

fn url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn other_databases_are_refused_with_what_is_supported() {
    for (url, expected) in [
        (
            "mysql://ada:secret@db.example/app",
            "cannot use `mysql:…` as a database: `mysql` is not supported; \
             write `sqlite://path/to/file.db` or `postgres://user:password@host/database`",
        ),
        #[cfg(not(feature = "postgres"))]
        (
            "postgres://ada:secret@db.example/app",
            "cannot use `postgres:…` as a database: this build is without PostgreSQL; \
             turn on the feature `postgres`",
        ),
        (
            "runs.db",
            "cannot use `runs.db` as a database: it has no scheme; write `sqlite://runs.db`",
        ),
    ] {
        assert_eq!(refused(url).await.to_string(), expected);
    }
}

#[tokio::test]
async fn a_path_may_hold_any_character_that_is_not_a_parameter() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("räume & #1 100%.db");
    let store = connect(&url(&path)).await.unwrap();
    store.run(uuid::Uuid::now_v7()).await.unwrap();
    assert_eq!(store.location(), path.to_str().unwrap());
    assert!(path.is_file());
}

#[tokio::test]
async fn something_else_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    for content in [
        "x".to_owned(),
        "short".to_owned(),
        "Dear diary, ".repeat(1000),
    ] {
        fs::write(&path, &content).unwrap();
        let error = refused(&url(&path)).await;
        assert!(
            matches!(error, StoreError::NotADatabase { .. }),
            "{error:?}"
        );
        assert!(error.source().is_some());
        assert_eq!(
            error.to_string(),
            format!(
                "{} is not an SQLite database: choose another path or move the file away",
                path.display()
            )
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
        assert_eq!(files(folder.path()), ["notes.txt"]);
    }
}

#[tokio::test]
async fn an_empty_file_becomes_a_database() {
    let file = tempfile::NamedTempFile::new().unwrap();
    connect(&url(file.path())).await.unwrap();
}

#[tokio::test]
async fn a_folder_in_place_of_the_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = refused(&url(folder.path())).await;
    assert_eq!(
        error.to_string(),
        format!(
            "cannot open the database {}: it is a folder; add a file name",
            folder.path().display()
        )
    );
}

#[tokio::test]
async fn a_missing_folder_is_named_and_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("data");
    let error = refused(&url(&missing.join("runs.db"))).await;
    let expected = format!(
        "cannot open the database {}/runs.db: the folder {} does not exist; create it first",
        missing.display(),
        missing.display()
    );
    assert_eq!(error.to_string(), expected);
    assert!(!missing.exists());
}

#[tokio::test]
async fn a_path_below_a_file_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = refused(&url(&file.path().join("runs.db"))).await;
    assert!(error.to_string().contains("is not a folder"), "{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_folder_that_takes_no_files_is_refused() {
    // Not even root can create a file there.
    let error = refused("sqlite:///proc/runs.db").await;
    assert!(matches!(error, StoreError::CannotOpen { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "cannot open the database /proc/runs.db: the file cannot be opened for writing; check its permissions"
    );
}

#[tokio::test]
async fn a_newer_database_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    connect(&url(&path)).await.unwrap().close().await;
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    // Back from WAL, so that the one file holds everything.
    connection
        .batch_execute(
            "INSERT INTO flow_engine_migrations (version) VALUES ('29990101000000');
             PRAGMA journal_mode = DELETE;",
        )
        .unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();

    let error = refused(&url(&path)).await;

    assert!(
        matches!(&error, StoreError::NewerDatabase { migration, .. } if migration == "29990101000000")
    );
    assert!(
        error
            .to_string()
            .ends_with("upgrade flow-engine, or choose another database"),
        "{error}"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(files(folder.path()), ["runs.db"]);
}

/// `DATABASE_URL` may name the application's own file.
#[tokio::test]
async fn an_application_with_migrations_of_its_own_shares_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    let mut app = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    // It makes the table of diesel's versions.
    assert_eq!(app.applied_migrations().unwrap(), []);
    app.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('20200101000000')")
        .unwrap();

    connect(&url(&path)).await.unwrap().close().await;
    app.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')")
        .unwrap();
    connect(&url(&path)).await.unwrap().close().await;

    assert_eq!(
        app.applied_migrations().unwrap(),
        ["29990101000000".into(), "20200101000000".into()]
    );
}

#[tokio::test]
async fn a_failed_migration_leaves_nothing_half_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    // The last table of the migration is taken.
    connection
        .batch_execute("CREATE TABLE llm_requests (x); INSERT INTO llm_requests VALUES (1);")
        .unwrap();

    let error = refused(&url(&path)).await;

    assert!(matches!(error, StoreError::Migration { .. }), "{error:?}");
    let objects: i64 = count(&mut connection, "SELECT count(*) AS n FROM sqlite_schema");
    assert_eq!(objects, 1);
    assert_eq!(
        count(&mut connection, "SELECT count(*) AS n FROM llm_requests"),
        1
    );
    connection.batch_execute("DROP TABLE llm_requests").unwrap();
    connect(&url(&path)).await.unwrap();
}

fn count(connection: &mut SqliteConnection, sql: &str) -> i64 {
    #[derive(diesel::QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        n: i64,
    }
    diesel::sql_query(sql)
        .get_result::<Count>(connection)
        .unwrap()
        .n
}
