//! One SQL type per logical type, mapped onto every backend, so that there is one schema.
//!
//! SQLite keeps ids as 16 bytes and times as microseconds: half the size and twice the speed of
//! text. JSON is text, which SQLite's JSON functions read; in PostgreSQL it is `json`, which keeps the text as it came.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use chrono::{DateTime, Utc};
use diesel::{deserialize::FromSqlRow, expression::AsExpression};
use uuid::Uuid;

/// The SQL types the schema names. The numbers are those of uuid, timestamptz and json in
/// PostgreSQL. They are `pub` because `table!` makes its columns `pub`, and a column names its SQL
/// type.
pub(crate) mod sql {
    use diesel::{query_builder::QueryId, sql_types::SqlType};

    #[derive(Debug, SqlType, QueryId)]
    #[diesel(
        postgres_type(oid = 2950, array_oid = 2951),
        sqlite_type(name = "Binary")
    )]
    pub struct Id;

    #[derive(Debug, SqlType, QueryId)]
    #[diesel(
        postgres_type(oid = 1184, array_oid = 1185),
        sqlite_type(name = "Long")
    )]
    pub struct Ts;

    #[derive(Debug, SqlType, QueryId)]
    #[diesel(postgres_type(oid = 114, array_oid = 199), sqlite_type(name = "Text"))]
    pub struct JsonDoc;
}

/// An id as it is bound and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql::Id)]
pub(crate) struct Id(pub(crate) Uuid);

/// A time as it is bound and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql::Ts)]
pub(crate) struct Ts(pub(crate) DateTime<Utc>);

/// A JSON document as it is bound: text that nobody parses on its way in.
#[derive(Debug, Clone, Copy, AsExpression)]
#[diesel(sql_type = sql::JsonDoc)]
pub(crate) struct JsonText<'a>(pub(crate) &'a str);

/// A JSON document as it is read.
#[derive(Debug, Clone, PartialEq, Eq, FromSqlRow)]
pub(crate) struct Json(pub(crate) String);
