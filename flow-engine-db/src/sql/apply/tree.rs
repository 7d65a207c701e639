//! A run and all runs below it, in SQL.

/// Whether a row of `flow_runs` is the run `$id` or below it. A macro, since diesel's type of it
/// cannot be written down.
///
/// A run is below another by its parents; all that name a root are below that, too. `UNION` takes
/// each run once, so that not even a run which is its own parent keeps this from ending.
macro_rules! in_tree {
    ($id:expr) => {
        diesel::dsl::sql::<diesel::sql_types::Bool>(
            "flow_runs.id IN (
                 WITH RECURSIVE tree (id) AS (
                     SELECT id FROM flow_runs WHERE root_run_id = ",
        )
        .bind::<$crate::sql_types::sql::Id, _>($crate::sql_types::Id($id))
        .sql(" UNION SELECT ")
        .bind::<$crate::sql_types::sql::Id, _>($crate::sql_types::Id($id))
        .sql(
            "        UNION
                     SELECT sub.id FROM flow_runs AS sub JOIN tree ON sub.parent_run_id = tree.id
                 )
                 SELECT id FROM tree)",
        )
    };
}

pub(super) use in_tree;
