//! Tables of configurations: what they mean, and every fault with its place.
use super::*;
