//! Buckets of real servers that speak the protocols of S3 and of Azure's blobs.

use crate::parts::{Place, free_ports, script};
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use std::process::Command;
use std::sync::Arc;

/// The key of the account that the emulator has, which is no secret.
const AZURE_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/// The bucket that the script makes.
const NAME: &str = "checkpoints";

/// A server with one bucket; it forgets everything when it ends.
#[derive(Debug)]
pub struct Bucket {
    place: Place,
    port: u16,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    S3,
    Azure,
}

impl Bucket {
    /// moto. Returns when it answers.
    pub fn s3() -> Bucket {
        Bucket::start(Kind::S3)
    }

    /// Azurite. Returns when it answers.
    pub fn azure() -> Bucket {
        Bucket::start(Kind::Azure)
    }

    fn start(kind: Kind) -> Bucket {
        let bucket = Bucket { place: Place::new(), port: free_ports(1), kind };
        bucket.place.real(bucket.part(), &[&bucket.port.to_string()]);
        bucket
    }

    fn part(&self) -> &'static str {
        match self.kind {
            Kind::S3 => "s3",
            Kind::Azure => "azure",
        }
    }

    /// The address of a folder in the bucket, as `checkpoint.url` wants it.
    pub fn url(&self, folder: &str) -> String {
        self.elsewhere(NAME, folder)
    }

    /// The same in another bucket of the server, which there is not.
    pub fn elsewhere(&self, bucket: &str, folder: &str) -> String {
        let scheme = if self.kind == Kind::S3 { "s3" } else { "az" };
        format!("{scheme}://{bucket}/{folder}")
    }

    /// What has to be in the environment of who uses it.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let address = format!("http://127.0.0.1:{}", self.port);
        match self.kind {
            Kind::S3 => vec![
                ("AWS_ACCESS_KEY_ID", "anybody".to_owned()),
                ("AWS_SECRET_ACCESS_KEY", "canary".to_owned()),
                ("AWS_ENDPOINT", address),
                ("AWS_ALLOW_HTTP", "true".to_owned()),
            ],
            Kind::Azure => vec![
                ("AZURE_STORAGE_ACCOUNT_NAME", "devstoreaccount1".to_owned()),
                ("AZURE_STORAGE_ACCOUNT_KEY", AZURE_KEY.to_owned()),
                ("AZURE_STORAGE_ENDPOINT", format!("{address}/devstoreaccount1")),
                ("AZURE_ALLOW_HTTP", "true".to_owned()),
            ],
        }
    }

    /// A client of the bucket that does not need the environment.
    pub fn client(&self) -> Arc<dyn ObjectStore> {
        let environment = self.environment().into_iter().map(|(key, value)| (key.to_ascii_lowercase(), value));
        match self.kind {
            Kind::S3 => {
                let with = |builder: AmazonS3Builder, (key, value): (String, String)| {
                    builder.with_config(key.parse().expect("a key"), value)
                };
                let builder = environment.fold(AmazonS3Builder::new(), with).with_bucket_name(NAME);
                Arc::new(builder.build().expect("a client"))
            }
            Kind::Azure => {
                let with = |builder: MicrosoftAzureBuilder, (key, value): (String, String)| {
                    builder.with_config(key.parse().expect("a key"), value)
                };
                let builder = environment.fold(MicrosoftAzureBuilder::new(), with).with_container_name(NAME);
                Arc::new(builder.build().expect("a client"))
            }
        }
    }

    /// Ends the server at once.
    pub fn kill(&self) {
        let killed = Command::new(script()).arg("kill").arg(self.place.directory()).arg(self.part()).status();
        assert!(killed.as_ref().is_ok_and(|status| status.success()), "the server runs: {killed:?}");
    }
}
