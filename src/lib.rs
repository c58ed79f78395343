//! Lockgate holds a pipeline's Pods back until every Secret that they need is in place.
//!
//! Four rooms: `observe` (reads) -> [`plan`] (pure) -> `apply` (writes) -> `report` (summary, then one write).
//! ARCHITECTURE.md walks through them with one reference in hand.

pub mod api;
pub mod build;
pub mod cli;
pub mod controller;
mod event;
pub mod model;
pub mod ops;
pub mod plan;
pub mod projector;
mod reach;
mod render;
pub mod report;
mod values;
mod watch;

// The binary's allocator: a dependency of this package, though not of this library.
use zeroizing_alloc as _;
