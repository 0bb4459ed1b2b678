//! Rejected events as lines of JSON: why, in which file, where in it.

use super::super::Failure;
use crate::domain::facts::Rejection;
use crate::wire::container::Position;
use anyhow::Context;
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Where rejected events are written, if anywhere.
pub struct Rejects(Option<BufWriter<File>>);

impl Rejects {
    /// Creates the file, or replaces it.
    ///
    /// # Errors
    /// It cannot be created, or is one of the inputs under whatever name: replacing that would destroy the history.
    pub fn create<'a>(path: Option<&Path>, mut inputs: impl Iterator<Item = &'a Path>) -> Result<Rejects, Failure> {
        let Some(path) = path else { return Ok(Rejects(None)) };
        if let Some(input) = inputs.find(|input| is_same_file(path, input)) {
            let (path, input) = (path.display(), input.display());
            return Err(Failure::Usage(format!("--rejects {path} would overwrite {input}, which is read; name another file")));
        }
        let file = File::create(path).with_context(|| format!("create {} for rejected events", path.display()))?;
        Ok(Rejects(Some(BufWriter::new(file))))
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

/// Whether both names lead to one regular file; a name that leads nowhere does not.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity =
        |path: &Path| std::fs::metadata(path).ok().filter(|found| found.is_file()).map(|found| (found.dev(), found.ino()));
    identity(one).is_some_and(|found| identity(other) == Some(found))
}
