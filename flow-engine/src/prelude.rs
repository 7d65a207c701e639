//! What a file with steps and flows needs: `use flow_engine::prelude::*;`.

pub use crate::{Call, Engine, Result, data, flow, step};
