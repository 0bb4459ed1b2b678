//! Synthetic billing history and the embedded broker that plays it.
