//! The running service.

mod placement;
