//! Which kind of store an address names, and the client for it.

use super::error::harmless;
use object_store::ClientConfigKey::{ConnectTimeout, Timeout, UserAgent};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const SCHEMES: &str = "write file:// and an absolute path, such as file:///var/lib/upswell, or s3://, gs:// or az:// with a bucket \
                       and a path in it";

/// Whose service a bucket is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    S3,
    Google,
    Azure,
}

/// A checked address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A directory of this machine, absolute.
    Directory(PathBuf),
    Bucket {
        cloud: Cloud,
        bucket: String,
        /// Without slashes at its ends; may be empty.
        prefix: String,
    },
    /// This process's memory, for demonstrations and tests.
    Memory,
}

impl Location {
    /// Reads an address; the error is a sentence that says what to write.
    pub fn parse(url: &str) -> Result<Location, String> {
        match url.split_once("://") {
            Some(("file", path)) if path.starts_with('/') => Ok(Location::Directory(PathBuf::from(path))),
            Some(("memory", "" | "/")) => Ok(Location::Memory),
            Some(("s3", rest)) => Location::bucket(Cloud::S3, rest),
            Some(("gs", rest)) => Location::bucket(Cloud::Google, rest),
            Some(("az", rest)) => Location::bucket(Cloud::Azure, rest),
            _ => Err(format!("this names no place for checkpoints; {SCHEMES}")),
        }
    }

    fn bucket(cloud: Cloud, rest: &str) -> Result<Location, String> {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if bucket.is_empty() || !bucket.bytes().all(word) {
            return Err("this has no bucket's name after ://; credentials and endpoints belong into the environment".to_owned());
        }
        let prefix = prefix.trim_matches('/').to_owned();
        let parts = prefix.split('/').all(|part| !matches!(part, "." | ".."));
        if prefix.contains(['?', '#']) || (!prefix.is_empty() && prefix.contains("//")) || !parts {
            return Err("the path in the bucket is made of plain names between slashes; write no ?, #, // or ..".to_owned());
        }
        Ok(Location::Bucket { cloud, bucket: bucket.to_owned(), prefix })
    }

    /// Whether it is reached over the network.
    pub fn is_remote(&self) -> bool {
        matches!(self, Location::Bucket { .. })
    }

    /// The client of a bucket; the error says what it lacks.
    pub(super) fn remote(&self) -> Result<Arc<dyn ObjectStore>, String> {
        let Location::Bucket { cloud, bucket, .. } = self else { return Err("it is no bucket".to_owned()) };
        let client: object_store::Result<Arc<dyn ObjectStore>> = match cloud {
            Cloud::S3 => s3(bucket).build().map(|store| Arc::new(store) as _),
            Cloud::Google => google(bucket).build().map(|store| Arc::new(store) as _),
            Cloud::Azure => azure(bucket).build().map(|store| Arc::new(store) as _),
        };
        client.map_err(|error| harmless(&error.to_string()))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Directory(path) => write!(f, "{}", path.display()),
            Location::Memory => f.write_str("memory"),
            Location::Bucket { cloud, bucket, prefix } => {
                let scheme = match cloud {
                    Cloud::S3 => "s3",
                    Cloud::Google => "gs",
                    Cloud::Azure => "az",
                };
                write!(f, "{scheme}://{bucket}{}{prefix}", if prefix.is_empty() { "" } else { "/" })
            }
        }
    }
}

/// One request's time, by the client's own setting.
const REQUEST: [(ClientConfigKey, &str); 3] =
    [(Timeout, "60 seconds"), (ConnectTimeout, "5 seconds"), (UserAgent, concat!("upswell/", env!("CARGO_PKG_VERSION")))];

/// A storm of refusals is not answered with a storm of requests: whoever calls tries again later.
fn retries() -> RetryConfig {
    let backoff = BackoffConfig { init_backoff: Duration::from_millis(200), max_backoff: Duration::from_secs(5), base: 2.0 };
    RetryConfig { backoff, max_retries: 3, retry_timeout: Duration::from_secs(60) }
}

/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT`, `AWS_ALLOW_HTTP`, ..., or the machine's role.
fn s3(bucket: &str) -> AmazonS3Builder {
    let builder = REQUEST
        .into_iter()
        .fold(AmazonS3Builder::from_env(), |builder, (key, value)| builder.with_config(AmazonS3ConfigKey::Client(key), value));
    builder.with_bucket_name(bucket).with_conditional_put(S3ConditionalPut::ETagMatch).with_retry(retries())
}

/// `GOOGLE_SERVICE_ACCOUNT`, `GOOGLE_APPLICATION_CREDENTIALS`, ..., or the machine's account.
fn google(bucket: &str) -> GoogleCloudStorageBuilder {
    let builder = REQUEST.into_iter().fold(GoogleCloudStorageBuilder::from_env(), |builder, (key, value)| {
        builder.with_config(GoogleConfigKey::Client(key), value)
    });
    builder.with_bucket_name(bucket).with_retry(retries())
}

/// `AZURE_STORAGE_ACCOUNT_NAME`, `AZURE_STORAGE_ACCOUNT_KEY`, `AZURE_STORAGE_SAS_TOKEN`, ..., or the machine's identity.
fn azure(container: &str) -> MicrosoftAzureBuilder {
    let builder = REQUEST
        .into_iter()
        .fold(MicrosoftAzureBuilder::from_env(), |builder, (key, value)| builder.with_config(AzureConfigKey::Client(key), value));
    builder.with_container_name(container).with_retry(retries())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_places() {
        for (url, shown) in [
            ("file:///var/lib/upswell", "/var/lib/upswell"),
            ("memory:///", "memory"),
            ("s3://my.bucket", "s3://my.bucket"),
            ("s3://bucket/a/b/", "s3://bucket/a/b"),
            ("gs://bucket/a", "gs://bucket/a"),
            ("az://container", "az://container"),
        ] {
            assert_eq!(Location::parse(url).map(|location| location.to_string()), Ok(shown.to_owned()), "{url}");
        }
    }

    #[test]
    fn what_is_no_place_is_answered_with_what_to_write() {
        for (url, part) in [
            ("/var/lib/upswell", "file:///var/lib/upswell"),
            ("file://relative", "absolute path"),
            ("http://bucket", "s3://"),
            ("s3://", "bucket's name"),
            ("s3://key:secret@bucket/a", "environment"),
            ("s3://bucket/a?sig=x", "plain names"),
            ("gs://bucket/../a", "plain names"),
            ("az://container/a//b", "plain names"),
        ] {
            let sentence = Location::parse(url).expect_err(url);
            assert!(sentence.contains(part), "{url}: {sentence}");
            assert!(!sentence.contains("secret"), "{sentence}");
        }
    }
}
