//! The `alerts` section: who is told.

use super::reader::Reader;
use super::receivers::{self, Receiver};
use super::tree::Fields;

/// The `alerts` section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alerts {
    /// With distinct names, in the order written.
    pub receivers: Vec<Receiver>,
}

/// Reads the section.
pub fn read(reader: &mut Reader) -> Alerts {
    let Some(node) = reader.raw.get("alerts") else { return Alerts::default() };
    let Some(fields) = Fields::of(reader, "alerts", node, &["receivers"]) else { return Alerts::default() };
    let receivers = fields.get("receivers").map(|node| receivers::read(reader, node));
    Alerts { receivers: receivers.unwrap_or_default() }
}
