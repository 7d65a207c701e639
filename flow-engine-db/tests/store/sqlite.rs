//! SQLite: the scenarios of every store, and what is special to a file.

use flow_engine_db::connect;

use crate::conformance::Fresh;

mod million;
mod open;
mod processes;
mod rows;
mod torn;

async fn fresh() -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("runs.db").display());
    Fresh {
        store: connect(&url).await.unwrap(),
        url,
        keep: Box::new(folder),
    }
}

mod conformance {
    store_conformance!(super::fresh);
}
