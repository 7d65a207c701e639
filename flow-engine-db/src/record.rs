//! What is read back: one plain struct a table, and the journal.

mod fork;
mod journal;
mod outline;
mod request;
mod run;
mod schedule;
mod signal;
mod standing;
mod step;

pub use fork::RunFork;
pub use journal::{Journal, JournalStep, Paid};
pub use outline::{Outline, OutlineRun, OutlineStep};
pub use request::LlmRequest;
pub use run::FlowRun;
pub use schedule::{FlowSchedule, Schedules};
pub use signal::Signal;
pub use standing::{Standing, Standings};
pub use step::FlowStepRun;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use {
    journal::JournalRow,
    outline::{OutlineRunRow, OutlineStepRow},
    request::RequestRow,
    run::RunRow,
    signal::SignalRow,
    step::StepRow,
};

/// Declares a record and the row it is read from. The row holds what the columns hold (text for a
/// status or a JSON document); `From`-like conversion names the column that could not be read.
macro_rules! record {
    (
        $(#[$meta:meta])*
        pub struct $record:ident, $row:ident in $table:ident {
            $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize)]
        #[non_exhaustive]
        pub struct $record {
            $($(#[$field_meta])* pub $field: $type,)+
        }

        #[cfg(any(feature = "sqlite", feature = "postgres"))]
        #[derive(Debug, diesel::Queryable, diesel::Selectable)]
        #[diesel(table_name = crate::schema::$table)]
        #[cfg_attr(feature = "sqlite", diesel(check_for_backend(diesel::sqlite::Sqlite)))]
        pub(crate) struct $row {
            $($field: <$type as crate::column::Column>::Stored,)+
        }

        #[cfg(any(feature = "sqlite", feature = "postgres"))]
        impl $row {
            pub(crate) fn into_record(self) -> Result<$record, crate::StoreError> {
                let row_id = self.id.0;
                Ok($record {
                    $($field: crate::column::Column::from_stored(self.$field).map_err(|source| {
                        crate::StoreError::Unreadable {
                            table: stringify!($table),
                            column: stringify!($field),
                            id: row_id,
                            source,
                        }
                    })?,)+
                })
            }
        }
    };
}

pub(crate) use record;
