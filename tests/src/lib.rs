//! The tests of flow-engine.
