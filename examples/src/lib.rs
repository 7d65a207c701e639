//! The examples of flow-engine.
