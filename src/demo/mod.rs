//! Synthetic billing history, and the embedded broker and registry that `upswell demo` runs the service on.

pub mod broker;
pub mod catalogue;
pub mod cluster;
pub mod customer;
pub mod delivery;
pub mod event;
pub mod exchange;
pub mod feed;
pub mod files;
pub mod headline;
pub mod history;
mod life;
pub mod meter;
pub mod playback;
pub mod random;
pub mod record;
pub mod registry;
pub mod summary;
pub mod terms;
