//! Where a run, a step run or an attempt stands.

use crate::text_enum::text_enum;

text_enum! {
    /// Where a run stands.
    pub enum RunStatus, "run status" {
        /// Queued, not started.
        Pending = "pending",
        /// Being executed by the process that holds its lease.
        Running = "running",
        /// Asleep until a time or an event.
        Waiting = "waiting",
        /// Stopped by hand, to be continued by hand.
        Paused = "paused",
        /// A step with an effect that must not repeat has an unknown outcome; a person decides.
        InDoubt = "in_doubt",
        /// Its process dropped it; it can be resumed. A run whose process was killed stays `running` until then.
        Interrupted = "interrupted",
        /// Finished with an output.
        Completed = "completed",
        /// Finished with an error.
        Failed = "failed",
        /// Stopped on request.
        Cancelled = "cancelled",
    }
}

impl RunStatus {
    /// Whether a run with this status accepts progress and a finish.
    ///
    /// `interrupted` is closed too: nothing writes to such a run until it is resumed.
    pub const fn is_open(self) -> bool {
        matches!(
            self,
            Self::Pending | Self::Running | Self::Waiting | Self::Paused | Self::InDoubt
        )
    }
}

text_enum! {
    /// Where a step run stands.
    pub enum StepStatus, "step status" {
        /// Known, not started.
        Pending = "pending",
        /// Being executed.
        Running = "running",
        /// Finished with an output.
        Completed = "completed",
        /// Finished with an error.
        Failed = "failed",
        /// Dropped before it finished, or closed by the end of its run.
        Cancelled = "cancelled",
        /// Began, and has no known outcome: a step whose effect must not repeat by itself. A person decides.
        InDoubt = "in_doubt",
    }
}

impl StepStatus {
    /// Whether a step run with this status accepts a finish.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }
}

text_enum! {
    /// Where an attempt (one request to an LLM) stands.
    pub enum RequestStatus, "request status" {
        /// Sent, not answered yet.
        Sent = "sent",
        /// Answered, and the answer was usable.
        Succeeded = "succeeded",
        /// Refused, broken off, or answered with something unusable.
        Failed = "failed",
        /// Given up before the answer came; whether it was charged is not known.
        Cancelled = "cancelled",
    }
}

text_enum! {
    /// Who waits for a run.
    pub enum ExecutionMode, "execution mode" {
        /// The caller waits for the output.
        Sync = "sync",
        /// Nobody waits; the output is read from the database.
        Background = "background",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_the_value_that_wrote_it() {
        fn check<T>(all: &[T])
        where
            T: Copy
                + PartialEq
                + std::fmt::Debug
                + std::fmt::Display
                + std::str::FromStr
                + serde::Serialize,
            T::Err: std::fmt::Debug,
        {
            for value in all {
                let text = value.to_string();
                assert_eq!(text.parse::<T>().unwrap(), *value);
                assert_eq!(serde_json::to_value(value).unwrap(), text.as_str());
            }
        }
        check(RunStatus::ALL);
        check(StepStatus::ALL);
        check(RequestStatus::ALL);
        check(ExecutionMode::ALL);
    }

    #[test]
    fn an_unknown_word_is_an_error_that_lists_the_known_ones() {
        let error = "synch".parse::<ExecutionMode>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown execution mode `synch`, expected one of: sync, background"
        );
    }
}
