//! Whether a place can be used: an object is created, refused a second time, read, listed and deleted.

use super::{Error, Store, error};
use bytes::Bytes;
use std::hash::{BuildHasher, RandomState};

impl Store {
    /// Tries everything that checkpoints need, with an object of its own that it removes.
    ///
    /// # Errors
    /// What does not work, as a sentence that says what to mend.
    pub fn check(&self) -> Result<(), Error> {
        let number = RandomState::new().hash_one(std::process::id());
        let folder = format!("upswell-check-{number:016x}");
        let name = format!("{folder}/probe");
        let tried = self.create(&name, &Bytes::from_static(b"first")).and_then(|()| self.look_at(&folder, &name));
        let removed = self.delete(&name).and_then(|()| self.remove_folder(&folder));
        tried.and(removed)
    }

    fn look_at(&self, folder: &str, name: &str) -> Result<(), Error> {
        match self.put(name, Bytes::from_static(b"second")) {
            Err(Error::AlreadyExists { .. }) => {}
            Ok(()) => return Err(Error::NoConditionalPut { place: self.shown().to_owned() }),
            Err(error) => return Err(error),
        }
        let found = self.get(name, 1024)?;
        let listed = self.list(folder)?;
        if found != "first" || !listed.iter().any(|entry| entry.name == "probe" && entry.size == 5) {
            let detail = "it does not give back what was written".to_owned();
            return Err(Error::Unavailable { place: self.shown().to_owned(), detail });
        }
        Ok(())
    }

    fn remove_folder(&self, folder: &str) -> Result<(), Error> {
        let Some(directory) = &self.directory else { return Ok(()) };
        match directory.remove_folder(folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            outcome => outcome.map_err(|error| error::of_directory(&error, self.shown())),
        }
    }
}
