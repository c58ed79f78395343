//! The Helm chart, as far as it can be looked at without a cluster.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // It is a test.

mod same;
