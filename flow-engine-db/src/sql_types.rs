//! One SQL type per logical type, mapped onto every backend, so that there is one schema.
//!
//! SQLite keeps ids as 16 bytes and times as microseconds: half the size and twice the speed of
//! text. JSON is text, which SQLite's JSON functions read.

use chrono::{DateTime, Utc};
use diesel::{
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    serialize::{self, IsNull, Output, ToSql},
    sql_types as diesel_types,
    sqlite::{Sqlite, SqliteValue},
};
use uuid::Uuid;

/// The SQL types the schema names. The numbers are those of uuid, timestamptz and jsonb in
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
    #[diesel(
        postgres_type(oid = 3802, array_oid = 3807),
        sqlite_type(name = "Text")
    )]
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

impl ToSql<sql::Id, Sqlite> for Id {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(&self.0.as_bytes()[..]);
        Ok(IsNull::No)
    }
}

impl FromSql<sql::Id, Sqlite> for Id {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self(Uuid::from_slice(value.read_blob())?))
    }
}

impl ToSql<sql::Ts, Sqlite> for Ts {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.timestamp_micros());
        Ok(IsNull::No)
    }
}

impl FromSql<sql::Ts, Sqlite> for Ts {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        let micros = <i64 as FromSql<diesel_types::BigInt, Sqlite>>::from_sql(value)?;
        let time = DateTime::from_timestamp_micros(micros);
        Ok(Self(
            time.ok_or_else(|| format!("{micros} µs is not a time"))?,
        ))
    }
}

impl ToSql<sql::JsonDoc, Sqlite> for JsonText<'_> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0);
        Ok(IsNull::No)
    }
}

impl FromSql<sql::JsonDoc, Sqlite> for Json {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self(
            <String as FromSql<diesel_types::Text, Sqlite>>::from_sql(value)?,
        ))
    }
}
