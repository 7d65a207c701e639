//! A server that is not there, refuses, or has something else.

use std::error::Error as _;
use std::io::{Read as _, Write as _};

use flow_engine_db::{StoreError, connect};
use uuid::Uuid;

use super::{Database, administer, server};

async fn refused(url: &str) -> StoreError {
    match connect(url).await {
        Ok(store) => panic!("opened {}", store.location()),
        Err(error) => error,
    }
}

/// The error and its sources.
fn whole(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Another user and password in the URL of a database.
fn as_user(url: &str, user: &str, password: &str) -> String {
    let (_, address) = url.split_once('@').unwrap();
    format!("postgres://{user}:{password}@{address}")
}

#[tokio::test]
async fn what_is_in_the_way_is_said_with_what_to_do_and_without_the_password() {
    let database = Database::new();
    let url = database.url();
    let (address, _) = url.rsplit_once('/').unwrap();
    let nowhere = {
        // A port that was free a moment ago.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    for (url, expected) in [
        (
            format!("postgres://ada:s3cret@{nowhere}/app"),
            "nothing listens there; start the server",
        ),
        (
            as_user(&url, "flow_engine", "s3cret"),
            "the server refuses the user flow_engine: check the user and the password",
        ),
        (
            as_user(&url, "flow_engine", "s3cret").replace(":s3cret", ""),
            "the server asks for a password; write it into the URL",
        ),
        (
            format!("{address}/no_such"),
            "the server has no database no_such; create it: CREATE DATABASE \"no_such\"",
        ),
        (
            "postgres://ada:s3cret@no-such-host.invalid/app".to_owned(),
            "the name of its host is not known",
        ),
        (
            format!("{url}?sslmode=require"),
            "the server does not speak TLS; turn it on there (ssl = on)",
        ),
    ] {
        let error = refused(&url).await;
        assert!(matches!(error, StoreError::CannotOpen { .. }), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(
            error
                .to_string()
                .starts_with("cannot open the database postgres://"),
            "{error}"
        );
        let (_, password) = url
            .split_once("//")
            .unwrap()
            .1
            .split_once('@')
            .unwrap()
            .0
            .split_once(':')
            .unwrap_or(("", "none"));
        assert!(!whole(&error).contains(password), "{}", whole(&error));
        assert!(!format!("{error:?}").contains(password), "{error:?}");
    }
}

#[tokio::test]
async fn the_location_is_the_url_without_the_password() {
    let database = Database::new();
    let url = database.url();
    let store = connect(&url).await.unwrap();
    let (_, address) = url.split_once('@').unwrap();
    assert_eq!(
        store.location(),
        format!("postgres://flow_engine@{address}")
    );
    assert!(!format!("{store:?}").contains(url.split([':', '@']).nth(2).unwrap()));
}

#[tokio::test]
async fn a_user_without_rights_is_told_which_to_ask_for_and_can_use_what_was_made() {
    let database = Database::new();
    let user = format!("user_{}", Uuid::now_v7().simple());
    database.run(&format!(
        "CREATE ROLE {user} LOGIN PASSWORD 'pw'; REVOKE CREATE ON DATABASE {} FROM PUBLIC",
        database.name
    ));
    let url = as_user(&database.url(), &user, "pw");

    let error = refused(&url).await;
    assert!(matches!(error, StoreError::CannotOpen { .. }), "{error:?}");
    let advice = format!("CREATE SCHEMA flow_engine AUTHORIZATION \"{user}\"");
    assert!(error.to_string().contains(&advice), "{error}");

    // As it says.
    database.run(&advice);
    connect(&url).await.unwrap().close().await;
    // Who may only read is told so at once.
    let reader = format!("reader_{}", Uuid::now_v7().simple());
    database.run(&format!(
        "CREATE ROLE {reader} LOGIN PASSWORD 'pw'; GRANT USAGE ON SCHEMA flow_engine TO {reader};
         GRANT SELECT ON ALL TABLES IN SCHEMA flow_engine TO {reader};"
    ));
    let url = as_user(&database.url(), &reader, "pw");
    let error = refused(&url).await;
    let advice = format!(
        "GRANT USAGE ON SCHEMA flow_engine TO \"{reader}\"; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA flow_engine TO \"{reader}\""
    );
    assert!(error.to_string().contains(&advice), "{error}");
    // So is who may not even look into the schema.
    database.run(&format!("REVOKE USAGE ON SCHEMA flow_engine FROM {reader}"));
    let error = refused(&url).await;
    assert!(error.to_string().contains(&advice), "{error}");
    // Who may write need not own the tables.
    database.run(&advice);
    connect(&url).await.unwrap().close().await;
    // What a newer version adds to them, their owner adds.
    database.run(
        "DELETE FROM flow_engine.flow_engine_migrations
         WHERE version = (SELECT max(version) FROM flow_engine.flow_engine_migrations)",
    );
    let error = refused(&url).await;
    let told = error.to_string();
    assert!(told.contains("as the user that owns them"), "{told}");

    for role in [user, reader] {
        database.run(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
    }
}

#[tokio::test]
async fn a_user_without_rights_in_an_empty_schema_is_told_which_to_ask_for() {
    let database = Database::new();
    let user = format!("user_{}", Uuid::now_v7().simple());
    database.run(&format!(
        "CREATE ROLE {user} LOGIN PASSWORD 'pw'; CREATE SCHEMA flow_engine"
    ));
    let url = as_user(&database.url(), &user, "pw");
    let error = refused(&url).await;
    let advice = format!("GRANT USAGE, CREATE ON SCHEMA flow_engine TO \"{user}\"");
    assert!(error.to_string().contains(&advice), "{error}");
    database.run(&advice);
    connect(&url).await.unwrap().close().await;
    database.run(&format!("DROP OWNED BY {user} CASCADE; DROP ROLE {user}"));
}

/// Lets a client in, and is gone before it answers anything.
fn dies_after_the_greeting(listener: std::net::TcpListener) {
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut message = [0; 1024];
            // It is asked for TLS, which it does not have; then it is told the user.
            let _ = client.read(&mut message).unwrap();
            client.write_all(b"N").unwrap();
            let _ = client.read(&mut message).unwrap();
            let is_in = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
            client.write_all(is_in).unwrap();
        }
    });
}

#[tokio::test]
async fn a_server_that_goes_away_meanwhile_is_not_called_too_old() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    dies_after_the_greeting(listener);
    let error = refused(&format!("postgres://ada@{address}/app")).await;
    let told = error.to_string();
    assert!(
        told.contains("the server went away while"),
        "{}",
        whole(&error)
    );
    assert!(!told.contains("13 or newer"), "{told}");
}

#[tokio::test]
async fn a_newer_database_is_refused_and_left_as_it_is() {
    let database = Database::new();
    connect(&database.url()).await.unwrap().close().await;
    database
        .run("INSERT INTO flow_engine.flow_engine_migrations (version) VALUES ('29990101000000')");
    let error = refused(&database.url()).await;
    assert!(
        matches!(&error, StoreError::NewerDatabase { migration, .. } if migration == "29990101000000"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_failed_migration_leaves_nothing_half_made() {
    let database = Database::new();
    // One of its last tables is taken.
    database.run("CREATE SCHEMA flow_engine; CREATE TABLE flow_engine.llm_requests (x integer)");
    let error = refused(&database.url()).await;
    assert!(matches!(error, StoreError::Migration { .. }), "{error:?}");
    assert!(whole(&error).contains("llm_requests"), "{}", whole(&error));

    // It would fail if a table were left.
    database.run("DROP TABLE flow_engine.llm_requests; DROP SCHEMA flow_engine");
    connect(&database.url()).await.unwrap();
}

/// Its tables, its search path, its diesel migrations: nothing of it is touched.
#[tokio::test]
async fn an_application_shares_its_database() {
    let database = Database::new();
    database.run(&format!(
        "CREATE TABLE flow_runs (mine integer); CREATE TABLE __diesel_schema_migrations (version text);
         ALTER DATABASE {} SET default_transaction_isolation TO 'serializable';",
        database.name
    ));
    let store = connect(&database.url()).await.unwrap();
    crate::conformance::rows::started_run(&*store).await;
    database.run("SELECT mine FROM public.flow_runs; DROP TABLE public.flow_runs, public.__diesel_schema_migrations");
}

#[tokio::test]
async fn a_scheme_is_written_as_one_likes() {
    let database = Database::new();
    for scheme in ["postgresql", "PostgreSQL"] {
        connect(&database.url().replacen("postgres", scheme, 1))
            .await
            .unwrap()
            .close()
            .await;
    }
    administer(&server(), "SELECT 1");
}
