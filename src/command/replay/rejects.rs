//! Rejected events as lines of JSON: why, in which file, where in it.

use crate::domain::facts::Rejection;
use crate::wire::container::Position;
use anyhow::Context;
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Where rejected events are written, if anywhere.
pub struct Rejects(Option<BufWriter<File>>);

impl Rejects {
    /// Creates the file, or replaces it.
    pub fn create(path: Option<&Path>) -> anyhow::Result<Rejects> {
        let create = |path: &Path| File::create(path).with_context(|| format!("create {} for rejected events", path.display()));
        Ok(Rejects(path.map(create).transpose()?.map(BufWriter::new)))
    }

    pub fn write(&mut self, file: &Path, position: Position, rejection: &Rejection) -> anyhow::Result<()> {
        let Some(out) = &mut self.0 else { return Ok(()) };
        let line = json!({
            "reason": rejection.reason.as_str(),
            "file": file.display().to_string(),
            "position": { "block": position.block, "record": position.record, "offset": position.offset },
            "detail": rejection.detail,
        });
        writeln!(out, "{line}").context("write rejected events")
    }

    /// Writes what is still in memory.
    pub fn close(&mut self) -> anyhow::Result<()> {
        self.0.as_mut().map_or(Ok(()), BufWriter::flush).context("write rejected events")
    }
}
