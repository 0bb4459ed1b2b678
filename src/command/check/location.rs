//! Whether checkpoints could be written where they are meant to be.
//!
//! This version keeps none, so a place that cannot be written to is a warning; it becomes a trouble with the version that does.

use super::Findings;
use crate::config::Checkpoint;
use std::io;
use std::path::{Path, PathBuf};

/// Looks at the directory, or at the one it would be made in.
pub fn look(checkpoint: &Checkpoint, findings: &mut Findings) {
    let directory = checkpoint.directory();
    match writable(&directory) {
        Ok(()) => findings.well.push(format!("checkpoint: {} can be written to", directory.display())),
        Err((place, error)) => tracing::warn!(
            "checkpoints are to be kept in {}, but {} cannot be written to: {error}; this version keeps none, a later one will need it",
            directory.display(),
            place.display()
        ),
    }
}

/// Makes and removes a file in the directory, or in the nearest one above it that exists.
fn writable(directory: &Path) -> Result<(), (PathBuf, io::Error)> {
    let existing = directory.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
    let probe = existing.join(format!(".upswell-check-{}", std::process::id()));
    let made = std::fs::OpenOptions::new().write(true).create_new(true).open(&probe);
    made.and_then(|_| std::fs::remove_file(&probe)).map_err(|error| (existing.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_not_there_yet_is_judged_by_the_one_above() {
        let above = tempfile::tempdir().expect("a directory");
        assert!(writable(&above.path().join("a/b")).is_ok());
        assert_eq!(std::fs::read_dir(above.path()).expect("a directory").count(), 0, "nothing is left behind");
        let file = above.path().join("file");
        std::fs::write(&file, "").expect("a file");
        assert!(writable(&file.join("a")).is_err());
    }
}
