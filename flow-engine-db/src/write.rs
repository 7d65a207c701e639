//! What can be written. A write carries only what is known at that moment; JSON is already text.

mod artifact;
mod fork;
mod park;
mod request;
mod resolve;
mod run;
mod schedule;
mod signal;
mod step;

pub use artifact::NamedArtifact;
pub use fork::NewFork;
pub use park::RunPark;
pub use request::{NewRequest, RequestFinish};
pub use resolve::StepResolve;
pub use run::{NewRun, Progress, RunFinish, RunProgress, RunReopen, Takeovers};
pub use schedule::ScheduleAdvance;
pub use signal::{NewSignal, SignalTake};
pub use step::{HitNote, NewStep, StepFinish, StepMove, StepRetire};

/// One change to the database, for [`Store::submit`](crate::Store::submit).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Write {
    /// A run starts or is queued.
    StartRun(NewRun),
    /// A run made progress. Of several in one transaction only the last is written.
    UpdateRun(RunProgress),
    /// A run ends, and with it what is open below it.
    FinishRun(RunFinish),
    /// A run stops before its end.
    ParkRun(RunPark),
    /// A run that ended, or was left behind, runs again.
    ReopenRun(RunReopen),
    /// A run begins with the journal of another one.
    Fork(NewFork),
    /// A step starts.
    StartStep(NewStep),
    /// A step ends.
    FinishStep(StepFinish),
    /// A replay took a recorded step run.
    NoteHit(HitNote),
    /// A replay took a recorded step run for a call that is made elsewhere.
    MoveStep(StepMove),
    /// A recorded step run leaves the journal.
    RetireStep(StepRetire),
    /// A step takes a signal.
    TakeSignal(SignalTake),
    /// A person says what became of a step run in doubt.
    ResolveStep(StepResolve),
    /// A request is about to leave.
    SendRequest(NewRequest),
    /// A request was answered or given up.
    FinishRequest(RequestFinish),
    /// A row names an artifact.
    NameArtifact(NamedArtifact),
}

macro_rules! into_write {
    ($($write:ident => $variant:ident,)+) => {
        $(impl From<$write> for Write {
            fn from(write: $write) -> Self {
                Self::$variant(write)
            }
        })+
    };
}

into_write! {
    NewRun => StartRun,
    RunProgress => UpdateRun,
    RunFinish => FinishRun,
    RunPark => ParkRun,
    RunReopen => ReopenRun,
    SignalTake => TakeSignal,
    NewFork => Fork,
    NewStep => StartStep,
    StepFinish => FinishStep,
    HitNote => NoteHit,
    StepMove => MoveStep,
    StepRetire => RetireStep,
    StepResolve => ResolveStep,
    NewRequest => SendRequest,
    RequestFinish => FinishRequest,
    NamedArtifact => NameArtifact,
}
