//! The file of the input under way, and the watch over it: what is tried is known even if it ends the process (a stack overflow,
//! say) or does not end.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// An input that takes this long is not waited for.
const STUCK: Duration = Duration::from_secs(60);

/// What one target tries at the moment.
pub struct Work {
    path: PathBuf,
    file: File,
    progress: Arc<AtomicU64>,
    _watch: mpsc::Sender<()>,
}

impl Work {
    pub fn begin(name: &str) -> Work {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
        fs::create_dir_all(&folder).expect("a folder for what fails");
        let path = folder.join(format!("{name}-{}-under-way", std::process::id()));
        let (file, progress) = (File::create(&path).expect("a file for the input under way"), Arc::new(AtomicU64::new(0)));
        let (_watch, ended) = mpsc::channel();
        let (seen, shown) = (Arc::clone(&progress), path.clone());
        std::thread::spawn(move || watch(&seen, &ended, &shown));
        Work { path, file, progress, _watch }
    }

    pub fn on(&self, input: &[u8]) {
        self.progress.fetch_add(1, Ordering::Relaxed);
        self.file.set_len(input.len() as u64).and_then(|()| self.file.write_all_at(input, 0)).expect("it can be written");
    }

    /// Keeps an input that failed; the file's name.
    pub fn keep(&self, input: &[u8]) -> PathBuf {
        let name = self.path.to_string_lossy().replace("under-way", &format!("{:016x}", number_of(input)));
        fs::write(&name, input).expect("it can be written");
        name.into()
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}

/// The same for the same input, so that one found twice is one file.
fn number_of(input: &[u8]) -> u64 {
    upswell::wire::checkpoint::envelope::checksum(input) as u64
}

/// Ends the process if an input does not end.
fn watch(progress: &AtomicU64, ended: &mpsc::Receiver<()>, file: &Path) {
    let mut before = u64::MAX;
    while ended.recv_timeout(STUCK) == Err(mpsc::RecvTimeoutError::Timeout) {
        let now = progress.load(Ordering::Relaxed);
        if now == before {
            // Not `eprintln`, which a test keeps to itself until it ends.
            drop(writeln!(io::stderr(), "the input in {} does not end", file.display()));
            std::process::abort();
        }
        before = now;
    }
}
