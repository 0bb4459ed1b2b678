//! Schemas from a directory: every `*.avsc` file, by the fingerprint of its schema.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use super::Schema;
use crate::wire::avro;

/// Longest schema file that is read.
const MAX_FILE: u64 = 4 << 20;

/// What is in a directory.
#[derive(Debug, Default)]
pub struct Scan {
    pub schemas: HashMap<u64, Schema>,
    /// Files that hold no schema, as sentences.
    pub faults: Vec<String>,
}

/// Reads a directory. Fails, with a sentence, if it or one of its schema files cannot be read: then nothing can be said about what is
/// not in it. A file that can be read and holds no schema is only noted.
pub fn scan(directory: &Path) -> Result<Scan, String> {
    let unreadable = |path: &Path, error: std::io::Error| format!("{} cannot be read ({error})", path.display());
    let mut scan = Scan::default();
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(|error| unreadable(directory, error))? {
        paths.push(entry.map_err(|error| unreadable(directory, error))?.path());
    }
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "avsc")) {
        let text = read(path).map_err(|error| unreadable(path, error))?;
        match String::from_utf8(text).map_err(|error| error.to_string()).and_then(|text| named(&text)) {
            Ok(named) => scan.schemas.extend(named),
            Err(fault) => scan.faults.push(format!("{} is {fault}", path.display())),
        }
    }
    Ok(scan)
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    fs::File::open(path)?.take(MAX_FILE).read_to_end(&mut text)?;
    Ok(text)
}

fn named(text: &str) -> Result<Vec<(u64, Schema)>, String> {
    let names = avro::fingerprints(text).map_err(|error| error.to_string())?;
    let schema = Schema::new(text, Vec::new());
    Ok(names.into_iter().map(|name| (name, schema.clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_files_are_found_by_fingerprint_and_others_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| fs::write(directory.path().join(name), text).unwrap();
        write("usage.avsc", avro::USAGE_SCHEMA.as_bytes());
        write("readme.txt", b"not a schema");
        write("broken.avsc", b"{");
        write("latin.avsc", b"\"\xE9\"");
        let scan = scan(directory.path()).unwrap();
        let name = avro::fingerprints(avro::USAGE_SCHEMA).unwrap()[0];
        assert_eq!(scan.schemas.get(&name).map(|schema| &*schema.text), Some(avro::USAGE_SCHEMA));
        assert_eq!(scan.faults.len(), 2, "{:?}", scan.faults);
    }

    #[test]
    fn a_directory_that_cannot_be_read_is_an_outage() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("odd.avsc")).unwrap();
        assert!(scan(directory.path()).is_err(), "a schema file that is a directory");
        assert!(scan(&directory.path().join("missing")).unwrap_err().contains("cannot be read"));
    }
}
