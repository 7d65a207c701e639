//! How a connection is opened and set up, and what an error at that moment means.

use std::{error::Error as _, io, time::Duration};

use diesel::ConnectionError;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use tokio_postgres::{config::SslMode, error::SqlState};

use super::{target::Target, tls, transient::is_transient};
use crate::{StoreError, error::Cause};

/// What a new connection may take in all, with every host of its URL.
const PATIENCE: Duration = Duration::from_secs(30);

/// - `search_path`: the tables are named without their schema, as in SQLite.
/// - `plan_cache_mode`: a plan that was made while a table was tiny reads all of it for ever.
/// - `lc_messages`: some errors are told apart by their text. Only administrators and those they allow may set it.
const SETUP: &str = "
    SET search_path TO flow_engine;
    SET plan_cache_mode TO force_custom_plan;
    DO $$ BEGIN SET lc_messages TO 'C'; EXCEPTION WHEN insufficient_privilege THEN NULL; END $$;";

/// - `idle_in_transaction_session_timeout`: a process that is stopped in the middle of a transaction keeps its locks no
///   longer. When it goes on, it writes that transaction again.
/// - `lock_timeout`: who waits for longer gives way, and tries again.
const WRITES: &str = "
    SET default_transaction_isolation TO 'read committed';
    SET idle_in_transaction_session_timeout TO '10s';
    SET lock_timeout TO '10s';";

/// Several reads of one transaction see one moment.
const READS: &str = "
    SET default_transaction_isolation TO 'repeatable read';
    SET default_transaction_read_only TO on;
    SET idle_in_transaction_session_timeout TO '10s';";

/// What a connection is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    Write,
    Read,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(super) struct Refusal {
    /// What is in the way, and what to do.
    pub(super) reason: String,
    #[source]
    pub(super) source: Option<Cause>,
}

impl Refusal {
    /// For a pool, which knows errors of diesel only.
    pub(super) fn into_diesel(self) -> diesel::result::Error {
        diesel::result::Error::QueryBuilderError(Box::new(self))
    }

    pub(super) fn into_error(self, target: &Target) -> StoreError {
        StoreError::CannotOpen {
            location: target.location.clone(),
            reason: self.reason,
            source: self.source,
        }
    }
}

/// Opens a connection. It lives in the runtime that this is called in.
pub(super) async fn open(target: &Target, role: Role) -> Result<AsyncPgConnection, Refusal> {
    match tokio::time::timeout(PATIENCE, open_at_leisure(target, role)).await {
        Ok(opened) => opened,
        Err(_elapsed) => Err(Refusal {
            reason: format!("it did not answer for {} s", PATIENCE.as_secs()),
            source: None,
        }),
    }
}

async fn open_at_leisure(target: &Target, role: Role) -> Result<AsyncPgConnection, Refusal> {
    let connector = tls::connector(&target.tls).map_err(|source| Refusal {
        reason: "its certificate cannot be verified; check `sslrootcert`".to_owned(),
        source: Some(source),
    })?;
    let (client, connection) = target
        .config
        .connect(connector)
        .await
        .map_err(|error| refusal(target, error))?;
    let opened = AsyncPgConnection::try_from_client_and_connection(client, connection).await;
    let mut opened = opened.map_err(|error| match error {
        ConnectionError::CouldntSetupConfiguration(error) => set_up_failed(error),
        other => Refusal {
            reason: "the connection cannot be set up".to_owned(),
            source: Some(other.into()),
        },
    })?;
    let own = match role {
        Role::Write => WRITES,
        Role::Read => READS,
    };
    // One message, and so one answer to wait for.
    let set_up = opened.batch_execute(&format!("{SETUP}{own}")).await;
    set_up.map_err(set_up_failed)?;
    Ok(opened)
}

fn set_up_failed(error: diesel::result::Error) -> Refusal {
    let reason = match &error {
        error if is_transient(error) => {
            "the server went away while the connection was set up: it was stopped, or is starting; try again"
        }
        diesel::result::Error::DatabaseError(_, details)
            if details
                .message()
                .starts_with("unrecognized configuration parameter") =>
        {
            "the connection cannot be set up; PostgreSQL 13 or newer is needed"
        }
        _ => "the connection cannot be set up",
    };
    Refusal {
        reason: reason.to_owned(),
        source: Some(error.into()),
    }
}

fn refusal(target: &Target, error: tokio_postgres::Error) -> Refusal {
    let reason = match error.code() {
        Some(code) => refused_by_the_server(target, code),
        None => not_reached(target, &error),
    };
    Refusal {
        reason,
        source: Some(error.into()),
    }
}

fn refused_by_the_server(target: &Target, code: &SqlState) -> String {
    let (user, database) = (target.user(), target.database());
    match *code {
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            format!(
                "the server refuses the user {user}: check the user and the password, and the server's pg_hba.conf"
            )
        }
        SqlState::INVALID_CATALOG_NAME => {
            format!(
                "the server has no database {database}; create it: CREATE DATABASE \"{database}\""
            )
        }
        SqlState::INSUFFICIENT_PRIVILEGE => {
            format!(
                "the user {user} may not connect to it; GRANT CONNECT ON DATABASE \"{database}\" TO \"{user}\""
            )
        }
        SqlState::TOO_MANY_CONNECTIONS => {
            "the server has no connection left; raise its max_connections, or end others".to_owned()
        }
        SqlState::CANNOT_CONNECT_NOW => {
            "the server is starting up or shutting down; try again".to_owned()
        }
        _ => "the server refused the connection".to_owned(),
    }
}

fn not_reached(target: &Target, error: &tokio_postgres::Error) -> String {
    let text = error.to_string();
    let cause = error.source();
    let detail = cause.map(ToString::to_string).unwrap_or_default();
    if text.contains("TLS") {
        return if detail.contains("does not support TLS") {
            "the server does not speak TLS; turn it on there (ssl = on), or write `sslmode=prefer`"
                .to_owned()
        } else if detail.contains("CaUsedAsEndEntity") {
            "the server shows a certificate that is made to sign others (CA:TRUE), which none of a server may be; give it one of its \
             own (CA:FALSE) for the host of the URL, and `sslrootcert` the one that signed it, or the same if it signed itself"
                .to_owned()
        } else if target.config.get_ssl_mode() == SslMode::Prefer {
            "TLS with the server fails; if it needs none, write `sslmode=disable`".to_owned()
        } else {
            "TLS with the server fails: the name in its certificate must be the host of the URL, and who signed it be \
             trusted by the system or stand in `sslrootcert`"
                .to_owned()
        };
    }
    if detail.contains("password missing") {
        return "the server asks for a password; write it into the URL: `postgres://user:password@host/database`".to_owned();
    }
    match cause
        .and_then(|cause| cause.downcast_ref::<io::Error>())
        .map(io::Error::kind)
    {
        Some(io::ErrorKind::ConnectionRefused) => {
            "nothing listens there; start the server, or check the host and the port".to_owned()
        }
        Some(io::ErrorKind::NotFound) => {
            "there is no socket of a server there; check the host".to_owned()
        }
        Some(io::ErrorKind::TimedOut) => {
            "nobody answers there; check the host, the port and firewalls".to_owned()
        }
        _ if detail.contains("lookup") || detail.contains("resolve") => {
            "the name of its host is not known; check it".to_owned()
        }
        _ => "the server cannot be reached".to_owned(),
    }
}
