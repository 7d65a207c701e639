//! Both databases have the same tables.

use diesel::{
    Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection, sql_types::Text,
};
use flow_engine_db::connect;

use crate::postgres::{Connection, Database};

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

const SQLITE: &str = "
    SELECT 'column ' || t.name || '.' || c.name
            || CASE WHEN c.\"notnull\" THEN ' not null' ELSE '' END
            || CASE WHEN c.dflt_value IS NULL THEN '' ELSE ' default' END AS line
        FROM sqlite_schema AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table'
    UNION ALL
    SELECT 'index ' || tbl_name || '.' || name || ' (' ||
            (SELECT group_concat(name, ', ') FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno)) || ')'
        FROM sqlite_schema AS i WHERE type = 'index' AND sql IS NOT NULL
    ORDER BY 1";

const POSTGRES: &str = "
    SELECT concat('column ', table_name, '.', column_name,
            CASE is_nullable WHEN 'NO' THEN ' not null' END,
            CASE WHEN column_default IS NOT NULL THEN ' default' END) COLLATE \"C\" AS line
        FROM information_schema.columns WHERE table_schema = 'flow_engine'
    UNION ALL
    SELECT concat('index ', tablename, '.', indexname, ' (',
            (SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute
                WHERE attrelid = ('flow_engine.' || indexname)::regclass), ')') COLLATE \"C\"
        FROM pg_indexes WHERE schemaname = 'flow_engine' AND indexname NOT LIKE '%_pkey'
    ORDER BY 1";

#[tokio::test]
async fn both_databases_have_the_same_tables() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    connect(&format!("sqlite://{}", path.display()))
        .await
        .unwrap();
    let mut sqlite = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let sqlite: Vec<Line> = diesel::sql_query(SQLITE).load(&mut sqlite).unwrap();

    let database = Database::new();
    let url = database.url();
    connect(&url).await.unwrap();
    let read = move || {
        let mut postgres = Connection::establish(&url).unwrap();
        diesel::sql_query(POSTGRES)
            .load::<Line>(&mut postgres)
            .unwrap()
    };
    let postgres = std::thread::spawn(read).join().unwrap();

    let lines = |lines: Vec<Line>| lines.into_iter().map(|line| line.line).collect::<Vec<_>>();
    let (sqlite, postgres) = (lines(sqlite), lines(postgres));
    assert!(sqlite.len() > 100, "{sqlite:#?}");
    similar(&sqlite, &postgres);
}

/// As `assert_eq!`, with what differs and not with everything.
fn similar(sqlite: &[String], postgres: &[String]) {
    let missing: Vec<_> = sqlite
        .iter()
        .filter(|line| !postgres.contains(line))
        .collect();
    let added: Vec<_> = postgres
        .iter()
        .filter(|line| !sqlite.contains(line))
        .collect();
    assert!(
        missing.is_empty() && added.is_empty(),
        "only in SQLite: {missing:#?}, only in PostgreSQL: {added:#?}"
    );
}
