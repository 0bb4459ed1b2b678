//! The running service.

mod board;
mod placement;
mod readiness;
