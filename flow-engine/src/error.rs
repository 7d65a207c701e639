//! [`Error`] is what the engine returns; [`LlmError`] is its detail when a model's request failed;
//! [`BoxError`] is what a flow or a task may return.
//!
//! An error that went through a run is in recorded form: kind, message and chain of causes, as they stand in
//! the database. A flow therefore sees the same error live and on a replay, and nothing can be downcast to a
//! type of the user's: business outcomes belong in `Ok`.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::llm::LlmError;
use crate::secret::Secrets;

/// Any error: what flows and tasks may return, so that `?` works on everything.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// The result of a flow or a task: any error type by default.
pub type Result<T, E = BoxError> = std::result::Result<T, E>;

/// Why a run, a step or the engine itself failed.
///
/// `{}` names the place ("step `summarize` of flow `article_processing` failed") and leaves the cause to
/// [`source()`](std::error::Error::source). `{:#}` prints place and causes on one line, `{:?}` one cause a line, so that a
/// `main` returning this error shows the whole story.
///
/// What a flow or a task returned is here in recorded form: kind, messages and chain of causes, but not its Rust type,
/// which a replay could not give back. Business outcomes belong in `Ok`.
pub struct Error(Box<ErrorRecord>);

/// What an [`Error`] holds, and what is stored of it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ErrorRecord {
    kind: ErrorKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    flow: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run_id: Option<Uuid>,
    cause: Cause,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    llm: Option<LlmError>,
}

/// What a caller can do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// A request to a model failed, or its answer could not be used: [`Error::llm`] says how.
    Llm,
    /// A task or a flow returned an error of its own.
    Failed,
    /// A task or a flow panicked; the message is the panic's.
    Panicked,
    /// The inputs of a step or a flow do not fit its definition, or do not keep its constraints.
    InvalidInput,
    /// The output of a task or a flow cannot be recorded as JSON, or does not read back from it.
    InvalidOutput,
    /// A prompt could not be rendered from the inputs.
    Prompt,
    /// A step or a flow was called where there is no run, and no engine to start one.
    OutsideRun,
    /// A run cannot be resumed or forked as it stands: the message says why.
    NotResumable,
    /// Another process has taken the run over, because this one said nothing for too long, and goes on with it; or the run was
    /// deleted. What this process did in the run since then is recorded nowhere, but for what it has paid.
    LeaseLost,
    /// The run stopped before its end, because it waits for a time or a signal: a [worker](crate::Worker) goes on with it.
    Waiting,
    /// The run was cancelled: [`Engine::cancel`](crate::Engine::cancel).
    Cancelled,
    /// The run was paused: [`Engine::pause`](crate::Engine::pause).
    Paused,
    /// Nobody knows what became of an effect that must not repeat: a person has to say.
    InDoubt,
    /// What [`timeout`](crate::timeout) waited for took longer.
    TimedOut,
    /// A request that was not sent, since it may cost more than what is left of a budget; or it cannot be said what it may
    /// cost.
    OverBudget,
    /// An artifact, such as the bytes of an image, could not be stored or read: the message says where. What a model had answered
    /// is kept in `llm_requests`, and a resume stores it without asking again.
    Artifact,
    /// The engine's configuration is wrong: the message says what to set.
    Configuration,
    /// The database could not be opened, read or written.
    Store,
}

/// A message and what lies beneath it, as recorded.
#[derive(Clone, Serialize, Deserialize)]
struct Cause {
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<Box<Cause>>,
}

impl Cause {
    fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        Self {
            message: error.to_string(),
            source: error.source().map(|source| Box::new(Self::of(source))),
        }
    }

    fn message(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl fmt::Display for ErrorRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.cause, f)
    }
}

impl fmt::Debug for ErrorRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An error in its own right, so that it is found inside what cannot be downcast: `anyhow` hides the [`Error`], but
/// not its source.
impl std::error::Error for ErrorRecord {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.source()
    }
}

impl Error {
    /// An error whose message says everything.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(ErrorRecord {
            kind,
            flow: None,
            step: None,
            run_id: None,
            cause: Cause::message(message),
            llm: None,
        }))
    }

    /// An error caused by another, which is kept in recorded form.
    pub(crate) fn caused(kind: ErrorKind, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut new = Self::new(kind, "");
        new.0.cause = Cause::of(error);
        new
    }

    /// The recorded form of what a flow or a task returned.
    ///
    /// An [`Error`] that came from a step below keeps its kind, its place and its model's error, however
    /// deep the user's code wrapped it.
    pub(crate) fn recorded(error: BoxError) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(ours) => return *ours,
            Err(other) => other,
        };
        let mut new = Self::caused(ErrorKind::Failed, error.as_ref());
        let mut source = error.source();
        while let Some(inner) = source {
            let ours = inner.downcast_ref::<Self>().map(|error| &*error.0);
            if let Some(ours) = ours.or_else(|| inner.downcast_ref()) {
                let unwrapped = Self(Box::new(ours.clone()));
                if unwrapped.to_string() == new.0.cause.message {
                    // Wrapped in nothing but a box.
                    return unwrapped;
                }
                new.0 = Box::new(ErrorRecord {
                    cause: new.0.cause,
                    ..ours.clone()
                });
                break;
            }
            source = inner.source();
        }
        new
    }

    /// Takes secrets out of its words.
    pub(crate) fn hiding(mut self, secrets: &Secrets) -> Self {
        if secrets.is_empty() {
            return self;
        }
        let mut cause = Some(&mut self.0.cause);
        while let Some(said) = cause {
            said.message = secrets.hidden_in(&said.message).into_owned();
            cause = said.source.as_deref_mut();
        }
        self.0.llm = self.0.llm.map(|error| error.hiding(secrets));
        self
    }

    pub(crate) fn in_step(mut self, step: &str) -> Self {
        self.0.step.get_or_insert_with(|| step.to_owned());
        self
    }

    pub(crate) fn in_flow(mut self, flow: &str, run_id: Uuid) -> Self {
        self.0.flow.get_or_insert_with(|| flow.to_owned());
        self.0.run_id.get_or_insert(run_id);
        self
    }

    /// Of a run whose rows say where it failed.
    pub(crate) fn of_run(mut self, run_id: Uuid) -> Self {
        self.0.run_id.get_or_insert(run_id);
        self
    }

    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The flow in which it happened: for a sub-flow, the innermost.
    pub fn flow(&self) -> Option<&str> {
        self.0.flow.as_deref()
    }

    /// The step in which it happened.
    pub fn step(&self) -> Option<&str> {
        self.0.step.as_deref()
    }

    /// The run in which it happened: its id in the table `flow_runs`.
    pub fn run_id(&self) -> Option<Uuid> {
        self.0.run_id
    }

    /// What the model's request came to, when that is why the step failed.
    pub fn llm(&self) -> Option<&LlmError> {
        self.0.llm.as_ref()
    }

    /// The cause alone, without the place: what a step's row shows.
    pub(crate) fn cause_line(&self) -> String {
        chain(&self.0.cause)
    }

    /// Place and causes on one line: what a run's row shows.
    pub(crate) fn line(&self) -> String {
        chain(self)
    }

    pub(crate) fn record(&self) -> &ErrorRecord {
        &self.0
    }

    /// The error that was recorded so.
    pub(crate) fn from_record(record: ErrorRecord) -> Self {
        Self(Box::new(record))
    }
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    line
}

impl From<LlmError> for Error {
    fn from(error: LlmError) -> Self {
        let mut new = Self::caused(ErrorKind::Llm, &error);
        new.0.llm = Some(error);
        new
    }
}

impl From<flow_engine_db::StoreError> for Error {
    fn from(error: flow_engine_db::StoreError) -> Self {
        let kind = if error.is_lease_lost() {
            ErrorKind::LeaseLost
        } else {
            ErrorKind::Store
        };
        Self::caused(kind, &error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return f.write_str(&self.line());
        }
        match (&self.0.step, &self.0.flow) {
            (Some(step), Some(flow)) if step != flow => {
                write!(f, "step `{step}` of flow `{flow}` failed")
            }
            (Some(step), _) => write!(f, "step `{step}` failed"),
            (None, Some(flow)) => write!(f, "flow `{flow}` failed"),
            (None, None) => f.write_str(&self.0.cause.message),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            write!(f, "\n  caused by: {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if self.0.step.is_some() || self.0.flow.is_some() {
            Some(&*self.0)
        } else {
            // Without a place, `Display` is the cause's own message.
            self.0.cause.source()
        }
    }
}

#[cfg(test)]
mod tests;
