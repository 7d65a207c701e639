//! Rows as arrays: one parameter for each column, however many rows there are, so that the statement stays the same and is
//! prepared once.

/// A piece of a statement over many rows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Piece {
    Sql(&'static str),
    /// The columns, separated by commas.
    Columns,
    /// `column = u.column`, for all but the first, which is the key.
    Assignments,
    /// The rows, as a table `u`.
    Rows,
}

/// Declares the columns of many rows, each with its types in Rust and SQL and its value, and the statement over them. The
/// first column is the key.
macro_rules! bulk {
    (
        $(#[$meta:meta])*
        $name:ident($($source:ident: $source_type:ty),+) {
            $key:ident: $key_type:ty as $key_sql:ty = $key_value:expr,
            $($column:ident: $type:ty as $sql:ty = $value:expr,)+
        }
        $statement:expr
    ) => {
        $(#[$meta])*
        #[derive(Default)]
        struct $name<'a> {
            $key: Vec<$key_type>,
            $($column: Vec<$type>,)+
            source: std::marker::PhantomData<&'a ()>,
        }

        impl<'a> $name<'a> {
            const STATEMENT: &'static [$crate::postgres::rows::Piece] = &$statement;
            const COLUMNS: &'static str =
                concat!(stringify!($key) $(, ", ", stringify!($column))+);
            // A statement that reads has none.
            const ASSIGNMENTS: &'static [&'static str] =
                &[$(concat!(stringify!($column), " = u.", stringify!($column))),+];

            fn push(&mut self, $($source: $source_type),+) {
                self.$key.push($key_value);
                $(self.$column.push($value);)+
            }
        }

        impl diesel::query_builder::QueryId for $name<'_> {
            type QueryId = $name<'static>;
            // The text is the same whatever the rows are.
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl diesel::query_builder::QueryFragment<diesel::pg::Pg> for $name<'_> {
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>,
            ) -> diesel::QueryResult<()> {
                use $crate::postgres::rows::Piece;
                use diesel::sql_types::Array;

                for piece in Self::STATEMENT {
                    match piece {
                        Piece::Sql(text) => out.push_sql(text),
                        Piece::Columns => out.push_sql(Self::COLUMNS),
                        Piece::Assignments => {
                            for (place, assignment) in Self::ASSIGNMENTS.iter().enumerate() {
                                out.push_sql(if place == 0 { "" } else { ", " });
                                out.push_sql(assignment);
                            }
                        }
                        Piece::Rows => {
                            out.push_sql("unnest(");
                            out.push_bind_param::<Array<$key_sql>, _>(&self.$key)?;
                            $(
                                out.push_sql(", ");
                                out.push_bind_param::<Array<$sql>, _>(&self.$column)?;
                            )+
                            out.push_sql(") AS u (");
                            out.push_sql(Self::COLUMNS);
                            out.push_sql(")");
                        }
                    }
                }
                Ok(())
            }
        }

        impl<C> diesel::RunQueryDsl<C> for $name<'_> {}
    };
}
