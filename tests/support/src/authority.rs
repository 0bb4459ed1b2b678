//! A certificate authority of the tests' own, with one identity for servers on `localhost` and for clients alike.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use std::sync::Arc;

/// A key and a certificate for `localhost`, signed by an authority that exists only for it.
#[derive(Debug)]
pub struct Identity {
    /// PEM text of the authority, of the certificate and of its key.
    pub authority: String,
    pub certificate: String,
    pub key: String,
    authority_der: CertificateDer<'static>,
    certificate_der: CertificateDer<'static>,
    key_der: Vec<u8>,
}

impl Identity {
    /// A new one; no other identity's authority knows it.
    pub fn new() -> Identity {
        let key = || KeyPair::generate().expect("a key");
        // OpenSSL takes a certificate for its own authority if both have one name.
        let mut params = CertificateParams::new(Vec::new()).expect("no names are valid names");
        params.distinguished_name.push(DnType::CommonName, "Upswell's tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("an authority");
        let own = key();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a valid name");
        params.distinguished_name.push(DnType::CommonName, "localhost");
        let certificate = params.signed_by(&own, &issuer).expect("a certificate");
        Identity {
            authority: issuer.pem(),
            certificate: certificate.pem(),
            key: own.serialize_pem(),
            authority_der: issuer.der().clone(),
            certificate_der: certificate.der().clone(),
            key_der: own.serialize_der(),
        }
    }

    /// A server with this identity; `clients` asks for a certificate of the same authority.
    pub(crate) fn server_config(&self, clients: bool) -> ServerConfig {
        let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("the provider knows them");
        let config = if clients {
            let mut roots = RootCertStore::empty();
            roots.add(self.authority_der.clone()).expect("an authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config.with_client_cert_verifier(verifier.build().expect("a verifier"))
        } else {
            config.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(self.key_der.clone()).expect("a key");
        config.with_single_cert(vec![self.certificate_der.clone()], key).expect("a certificate and its key")
    }
}

impl Default for Identity {
    fn default() -> Identity {
        Identity::new()
    }
}
