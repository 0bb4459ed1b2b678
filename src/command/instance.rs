//! The running service that a command asks: where it is, and what it wants to see before it answers.
//!
//! Secrets come from files: a command line is readable by everybody on the machine.

use super::Failure;
use crate::adapter::peer::Peer;
use anyhow::anyhow;
use std::path::{Path, PathBuf};

/// Options of every command that asks a running service.
#[derive(Debug, clap::Args)]
pub struct Instance {
    /// Address of the running service
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9817", value_parser = service_url)]
    url: String,
    /// User, where the service asks for a password
    #[arg(long, value_name = "NAME", requires = "password_file", value_parser = user_name)]
    user: Option<String>,
    /// File that holds the user's password
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// File with the authority of the service's certificate, in place of the built-in ones
    #[arg(long, value_name = "FILE")]
    tls_ca_file: Option<PathBuf>,
    /// File with a certificate to show, where the service asks for one
    #[arg(long, value_name = "FILE", requires = "tls_key_file")]
    tls_cert_file: Option<PathBuf>,
    /// File with the key of that certificate
    #[arg(long, value_name = "FILE", requires = "tls_cert_file")]
    tls_key_file: Option<PathBuf>,
}

impl Instance {
    /// The body of a successful answer.
    ///
    /// # Errors
    /// A file that cannot be read, no answer, or one of another status than 200.
    pub fn get(&self, path: &str) -> Result<String, Failure> {
        if holds_user(&self.url) {
            // Not repeated: whoever wrote a user there wrote a password too.
            let sentence = "the address in --url names a user; give --user and --password-file instead";
            return Err(Failure::Usage(sentence.to_owned()));
        }
        let peer = Peer {
            url: self.url.clone(),
            credentials: self.user.clone().zip(contents(&self.password_file)?.map(|text| text.trim_end().to_owned())),
            authority: contents(&self.tls_ca_file)?,
            identity: contents(&self.tls_cert_file)?.zip(contents(&self.tls_key_file)?),
        };
        let answer = peer.get(path).and_then(|answer| match answer.status {
            200 => Ok(answer.body),
            status => Err(refusal(status)),
        });
        Ok(answer.map_err(|sentence| anyhow!("{}{path}: {sentence}", self.url))?)
    }
}

fn refusal(status: u16) -> String {
    let hint = match status {
        401 => "give --user and --password-file of a user that it knows",
        403 => "give --tls-cert-file and --tls-key-file of a client that it lets in",
        503 => "it is not ready, or busy",
        _ => "is this the address of an Upswell?",
    };
    format!("the answer is {status}; {hint}")
}

fn contents(file: &Option<PathBuf>) -> Result<Option<String>, Failure> {
    let read = |file: &Path| {
        let unreadable = |error| Failure::Usage(format!("{} cannot be read: {error}; name a readable file", file.display()));
        std::fs::read_to_string(file).map_err(unreadable)
    };
    file.as_deref().map(read).transpose()
}

/// Reads the address of a running service, without the slash at its end.
fn service_url(text: &str) -> Result<String, String> {
    let valid = text.starts_with("http://") || text.starts_with("https://");
    if valid { Ok(text.trim_end_matches('/').to_owned()) } else { Err("write a URL such as http://127.0.0.1:9817".to_owned()) }
}

/// Whether there is a user, and a password perhaps, in an address.
fn holds_user(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
}

fn user_name(text: &str) -> Result<String, String> {
    if text.contains(':') { Err("no user's name holds a colon: give --password-file".to_owned()) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_scheme_and_no_user() {
        assert_eq!(service_url("http://h:1/").as_deref(), Ok("http://h:1"));
        assert!(service_url("h:1").is_err());
        assert!(holds_user("http://u:p@h:1") && holds_user("https://u@h/") && !holds_user("https://h/@"));
        assert!(user_name("a:b").is_err() && user_name("a b").is_ok());
    }
}
