//! How a run is asked for: `engine.run(call)`.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Claim, Run, Services, Tree, as_run, typed};
use crate::call::Call;
use crate::error::{Error, ErrorKind};

/// What a caller says of a run beside its inputs.
#[derive(Debug)]
pub(crate) struct RunOptions {
    pub(crate) id: Uuid,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) metadata: Option<Value>,
    pub(crate) tree: Tree,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            id: Uuid::now_v7(),
            user_id: None,
            metadata: None,
            tree: Tree::default(),
        }
    }
}

impl RunOptions {
    /// With the right to execute the run, so that nobody resumes it meanwhile.
    pub(crate) fn claimed(mut self) -> Result<Self, Error> {
        self.tree.claim(Claim::of(self.id)?);
        Ok(self)
    }
}

/// A run that has not started: [`Engine::run`](crate::Engine::run) makes it, [`execute`](Self::execute) starts it.
#[derive(Debug)]
#[must_use = "a run does nothing until it is executed"]
pub struct RunRequest<C> {
    services: Arc<Services>,
    call: C,
    options: RunOptions,
    mistake: Option<Error>,
}

impl<C: Call> RunRequest<C> {
    pub(crate) fn new(services: Arc<Services>, call: C) -> Self {
        Self {
            services,
            call,
            options: RunOptions::default(),
            mistake: None,
        }
    }

    /// The id that the run will have, known before it starts: to watch it, or to name it elsewhere.
    pub fn id(&self) -> Uuid {
        self.options.id
    }

    /// For whom it runs: `flow_runs.user_id`.
    pub fn user(mut self, id: Uuid) -> Self {
        self.options.user_id = Some(id);
        self
    }

    /// Anything of the caller's to find the run by later: `flow_runs.flow_metadata`, as JSON.
    pub fn metadata(mut self, metadata: impl Serialize) -> Self {
        match serde_json::to_value(metadata) {
            Ok(json) => self.options.metadata = Some(json),
            Err(error) => {
                let message = format!("the metadata of the run cannot be written as JSON: {error}");
                self.mistake = Some(Error::new(ErrorKind::InvalidInput, message));
            }
        }
        self
    }

    /// Runs it to its end. Dropping the future interrupts the run; what it has recorded stays.
    ///
    /// # Errors
    /// What a step or the flow failed with, or why the run could not be recorded.
    pub fn execute(self) -> BoxFuture<'static, Result<C::Executed, Error>> {
        let Self {
            services,
            call,
            options,
            mistake,
        } = self;
        if let Some(mistake) = mistake {
            return std::future::ready(Err(mistake)).boxed();
        }
        match options.claimed() {
            Ok(options) => {
                let run = Arc::new(Run::root(services, C::definition(), options));
                typed(as_run(run, Box::new(call)))
            }
            Err(error) => std::future::ready(Err(error)).boxed(),
        }
    }
}
