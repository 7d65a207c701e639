//! What a user may write. The only dependency named here is flow-engine.

mod constraints;
mod inputs;
mod items;
mod outputs;
mod schedules;
