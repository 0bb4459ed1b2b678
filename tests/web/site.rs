//! A server with a file of `http.web_config`, and curl to ask it.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use upswell::adapter::http::{self, Access, Reload, Standing, State};
use upswell::config::{Config, Purpose};
use upswell::wire::published::Published;
use upswell::wire::telemetry::Telemetry;
use upswell_testkit::{Identity, promtool};

/// User and password that [`HASH`] lets in, and another hash, of `other`.
pub const USER: &str = "ada:correct horse";
pub const HASH: &str = "$2b$04$cXDjEpuaMd2zRpJhxUw52e.gy4JaslDz2lzTmufV5NAB7rU0F2dZ.";
pub const OTHER: &str = "$2b$04$EVwKTRd4Bmj8Pp6Hq7vB1uDHBa3UypVcvwHHfI..Cqr/ymkBNF7E2";

/// Files: an identity as `cert.pem`, `key.pem` and `ca.pem`, a stranger's as `stranger-cert.pem` and `stranger-key.pem`.
pub fn files() -> TempDir {
    let place = tempfile::tempdir().expect("a directory");
    lay_out(place.path(), &Identity::new());
    let stranger = Identity::new();
    std::fs::write(place.path().join("stranger-cert.pem"), &stranger.certificate).expect("a file");
    std::fs::write(place.path().join("stranger-key.pem"), &stranger.key).expect("a file");
    place
}

/// Writes an identity where [`files`] has it.
pub fn lay_out(place: &Path, identity: &Identity) {
    for (name, text) in [("cert.pem", &identity.certificate), ("key.pem", &identity.key), ("ca.pem", &identity.authority)] {
        std::fs::write(place.join(name), text).expect("a file");
    }
}

/// Further keys of the configuration's `http`, such as `customer_data_without_auth: true`.
pub struct Choices<'t> {
    pub listen: &'t str,
    pub http: &'t str,
}

impl Default for Choices<'_> {
    fn default() -> Self {
        Choices { listen: "127.0.0.1:0", http: "" }
    }
}

/// A running server, stopped and joined when dropped.
pub struct Site {
    pub files: TempDir,
    pub telemetry: Arc<Telemetry>,
    port: u16,
    reloads: Arc<Mutex<usize>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Site {
    /// On loopback, with this file.
    pub fn with(web: &str) -> Site {
        Site::start(files(), Some(web), &Choices::default())
    }

    pub fn start(files: TempDir, web: Option<&str>, choices: &Choices<'_>) -> Site {
        let access = web.map_or_else(Access::default, |web| access(&files, web, choices.http));
        let access = if web.is_some() { access } else { parsed(choices.http) };
        let telemetry = Arc::new(Telemetry::new("subs", "usage", "retries"));
        telemetry.config_last_reload_successful.set_flag(true);
        let listener = TcpListener::bind(choices.listen).expect("a free port");
        listener.set_nonblocking(true).expect("a socket can be set non-blocking");
        let address: SocketAddr = listener.local_addr().expect("a bound address");
        let standing = Standing::new(access, address, telemetry.clone()).unwrap_or_else(|fault| panic!("{fault}"));
        let (reload, mut asked) = mpsc::channel::<Reload>(1);
        let state = State {
            published: Arc::new(Published::new()),
            telemetry: telemetry.clone(),
            reload: Some(reload),
            inquiries: crossbeam_channel::bounded(1).0,
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let reloads: Arc<Mutex<usize>> = Arc::default();
        let counted = Arc::clone(&reloads);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a non-blocking socket");
                tokio::spawn(async move {
                    while let Some(request) = asked.recv().await {
                        *counted.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                        drop(request.reply.send(Ok("nothing changed".to_owned())));
                    }
                });
                http::serve(listener, state, Arc::new(standing), async { stopped.await.unwrap_or(()) }).await;
            });
        });
        Site { files, telemetry, port: address.port(), reloads, stop: Some(stop), thread: Some(thread) }
    }

    /// Replaces the file of `http.web_config`.
    pub fn rewrite(&self, web: &str) {
        std::fs::write(web_file(&self.files), web).expect("a file");
    }

    /// Reloads that were let through.
    pub fn reloads(&self) -> usize {
        *self.reloads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What curl gets over TLS with these further arguments.
    pub fn tls(&self, path: &str, arguments: &[&str]) -> Answer {
        let url = format!("https://localhost:{}{path}", self.port);
        curl(self.files.path(), &[&["--cacert", "ca.pem", &url], arguments].concat())
    }

    /// The same without TLS.
    pub fn plain(&self, path: &str, arguments: &[&str]) -> Answer {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        curl(self.files.path(), &[&[url.as_str()], arguments].concat())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().map(JoinHandle::join).transpose().expect("the server does not panic");
    }
}

fn web_file(files: &TempDir) -> PathBuf {
    files.path().join("web.yml")
}

/// Writes the file, has `promtool` judge it, and reads it as the service does.
fn access(files: &TempDir, web: &str, http: &str) -> Access {
    let file = web_file(files);
    std::fs::write(&file, web).expect("a file");
    // Debian's promtool is older than this key.
    if !web.contains("client_allowed_sans") {
        promtool::check_web_config(&file);
    }
    parsed(&format!("web_config: {}, {http}", file.display()))
}

fn parsed(http: &str) -> Access {
    let text = format!("kafka: {{ brokers: b }}\nhttp: {{ {http} }}\n");
    Config::parse(&text, "f", &[], Purpose::Service).unwrap_or_else(|faults| panic!("{faults}")).http.access()
}

/// What curl got.
#[derive(Debug)]
pub struct Answer {
    /// curl's exit code: 0 when there is an answer of any status.
    pub code: Option<i32>,
    pub status: u16,
    /// `1.1` or `2`.
    pub version: String,
    /// Status line and headers, in lower case.
    pub head: String,
    pub body: String,
}

impl Answer {
    /// The status, of an answer that is one.
    pub fn status(&self) -> u16 {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.status
    }

    /// The sentence of a refusal with this status.
    pub fn refusal(&self, status: u16) -> String {
        assert_eq!(self.status(), status, "{self:?}");
        let document: serde_json::Value = serde_json::from_str(&self.body).expect("JSON");
        document["error"].as_str().expect("a sentence").to_owned()
    }
}

fn curl(directory: &Path, arguments: &[&str]) -> Answer {
    const MARK: &str = "\n--- ";
    let format = format!("{MARK}%{{http_code}} %{{http_version}}");
    let output = Command::new("curl")
        .current_dir(directory)
        .args(["-sS", "-i", "--max-time", "30", "-w", &format])
        .args(arguments)
        .output()
        .expect("curl can be started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (answer, last) = text.rsplit_once(MARK).unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let (status, version) = last.split_once(' ').expect("two words");
    Answer {
        code: output.status.code(),
        status: status.parse().expect("a status"),
        version: version.trim().to_owned(),
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}
