//! Effects that must not repeat by themselves.

mod decisions;
mod forks;
mod moments;
mod rules;
mod ways;
mod world;
