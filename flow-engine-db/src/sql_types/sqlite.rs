//! The types in SQLite.

use chrono::DateTime;
use diesel::{
    deserialize::{self, FromSql},
    serialize::{self, IsNull, Output, ToSql},
    sql_types as diesel_types,
    sqlite::{Sqlite, SqliteValue},
};
use uuid::Uuid;

use super::{Id, Json, JsonText, Ts, sql};

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
