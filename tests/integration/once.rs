//! Effects that must not repeat by themselves.

mod decisions;
mod forks;
mod rules;
mod ways;
mod world;
