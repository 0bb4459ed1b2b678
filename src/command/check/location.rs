//! Whether checkpoints can be kept where they are meant to be.
//!
//! Everything that keeping them takes is tried with an object that is removed again. A directory that does not exist is not made: the
//! one that it would be made in is tried instead.

use super::Findings;
use crate::adapter::store::{Error, Location, Settings, Store};
use crate::config::Checkpoint;
use std::path::Path;

/// Looks at the place.
pub fn look(checkpoint: &Checkpoint, findings: &mut Findings) {
    match tried(&checkpoint.settings()) {
        Ok(sentence) => findings.well.push(sentence),
        Err(error) => {
            findings.configuration |= !error.is_transient();
            findings.troubles.push(format!("checkpoint: {error}"));
        }
    }
}

fn tried(settings: &Settings) -> Result<String, Error> {
    match Location::parse(&settings.url).map_err(Error::Url)? {
        Location::Directory(path) if !path.exists() => {
            let above = path.ancestors().find(|directory| directory.exists()).unwrap_or(Path::new("/"));
            Store::open(&Settings { url: format!("file://{}", above.display()) })?.check()?;
            Ok(format!("checkpoint: {} does not exist and can be made", path.display()))
        }
        location => {
            Store::open(settings)?.check()?;
            Ok(format!("checkpoint: {location} can be written to"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &Path) -> Result<String, Error> {
        tried(&Settings { url: format!("file://{}", path.display()) })
    }

    #[test]
    fn a_directory_that_is_not_there_yet_is_judged_by_the_one_above() {
        let above = tempfile::tempdir().expect("a directory");
        assert!(at(&above.path().join("a/b")).is_ok_and(|sentence| sentence.ends_with("a/b does not exist and can be made")));
        assert!(at(above.path()).is_ok_and(|sentence| sentence.ends_with("can be written to")));
        assert_eq!(std::fs::read_dir(above.path()).expect("a directory").count(), 0, "nothing is left behind");
        let file = above.path().join("file");
        std::fs::write(&file, "").expect("a file");
        for path in [file.join("a"), file] {
            assert!(at(&path).is_err_and(|error| !error.is_transient()), "{}", path.display());
        }
    }
}
