//! Reads: a small pool of connections that cannot write.

mod journal;
mod list;
#[cfg(test)]
mod plans;

use std::path::{Path, PathBuf};

use diesel::{
    ConnectionError, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _,
    SelectableHelper as _, SqliteConnection,
};
use diesel_async::{
    RunQueryDsl as _,
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
        deadpool::{BuildError, Object, Pool},
    },
    sync_connection_wrapper::SyncConnectionWrapper,
};
use uuid::Uuid;

use super::connection;
use crate::{
    FlowRun, FlowStepRun, LlmRequest, RunFilter, StoreError,
    record::{RequestRow, RunRow, StepRow},
    schema::{flow_runs, flow_step_runs, llm_requests},
    sql_types::Id,
};

/// Enough that a slow list does not hold up the rest; more do not read faster.
const CONNECTIONS: usize = 4;

type Connection = SyncConnectionWrapper<SqliteConnection>;

/// The connections that read.
pub(super) struct Readers {
    pool: Pool<Connection>,
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readers")
            .field("pool", &self.pool.status())
            .finish()
    }
}

impl Readers {
    pub(super) fn new(path: &Path) -> Result<Self, BuildError> {
        let path = path.to_owned();
        let mut config = ManagerConfig::default();
        // A file has no network to lose: a connection is asked nothing before it is used again.
        config.recycling_method = RecyclingMethod::Fast;
        config.custom_setup = Box::new(move |_url| Box::pin(open(path.clone())));
        let manager = AsyncDieselConnectionManager::new_with_config("", config);
        Ok(Self {
            pool: Pool::builder(manager).max_size(CONNECTIONS).build()?,
        })
    }

    pub(super) async fn run(&self, id: Uuid) -> Result<Option<FlowRun>, StoreError> {
        const ACTION: &str = "read a flow run";
        let mut connection = self.connection(ACTION).await?;
        let row = flow_runs::table
            .find(Id(id))
            .select(RunRow::as_select())
            .first(&mut connection)
            .await;
        row.optional()
            .map_err(failed(ACTION))?
            .map(RunRow::into_record)
            .transpose()
    }

    pub(super) async fn runs(&self, filter: RunFilter) -> Result<Vec<FlowRun>, StoreError> {
        let read = move |connection: &mut SqliteConnection| list::runs(connection, filter);
        let rows = self.blocking("list flow runs", read).await?;
        rows.into_iter().map(RunRow::into_record).collect()
    }

    pub(super) async fn steps(&self, run_id: Uuid) -> Result<Vec<FlowStepRun>, StoreError> {
        const ACTION: &str = "read step runs";
        let mut connection = self.connection(ACTION).await?;
        let rows: Vec<StepRow> = flow_step_runs::table
            .filter(flow_step_runs::flow_run_id.eq(Id(run_id)))
            .order((flow_step_runs::step_order, flow_step_runs::id))
            .select(StepRow::as_select())
            .load(&mut connection)
            .await
            .map_err(failed(ACTION))?;
        rows.into_iter().map(StepRow::into_record).collect()
    }

    pub(super) async fn requests(&self, run_id: Uuid) -> Result<Vec<LlmRequest>, StoreError> {
        const ACTION: &str = "read llm requests";
        let mut connection = self.connection(ACTION).await?;
        let rows: Vec<RequestRow> = llm_requests::table
            .filter(llm_requests::flow_run_id.eq(Id(run_id)))
            .order((llm_requests::created_at, llm_requests::id))
            .select(RequestRow::as_select())
            .load(&mut connection)
            .await
            .map_err(failed(ACTION))?;
        rows.into_iter().map(RequestRow::into_record).collect()
    }

    pub(super) async fn request(&self, id: Uuid) -> Result<Option<LlmRequest>, StoreError> {
        const ACTION: &str = "read an llm request";
        let mut connection = self.connection(ACTION).await?;
        let row = llm_requests::table
            .find(Id(id))
            .select(RequestRow::as_select())
            .first(&mut connection)
            .await;
        row.optional()
            .map_err(failed(ACTION))?
            .map(RequestRow::into_record)
            .transpose()
    }

    async fn connection(&self, action: &'static str) -> Result<Object<Connection>, StoreError> {
        self.pool.get().await.map_err(|source| StoreError::Query {
            action,
            source: source.into(),
        })
    }
}

async fn open(path: PathBuf) -> Result<Connection, ConnectionError> {
    let opened = tokio::task::spawn_blocking(move || connection::reader(&path)).await;
    let error = match opened {
        Ok(Ok(connection)) => return Ok(SyncConnectionWrapper::new(connection)),
        Ok(Err(error)) => error.to_string(),
        Err(ended) => ended.to_string(),
    };
    Err(ConnectionError::BadConnection(error))
}

fn failed(action: &'static str) -> impl Fn(diesel::result::Error) -> StoreError {
    move |source| StoreError::Query {
        action,
        source: source.into(),
    }
}
