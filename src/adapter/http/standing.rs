//! What is in force of the file of `http.web_config`, and its being read again.
//!
//! The file, the certificates and the keys it names are read every two seconds, as the toolkit reads them for every connection. What
//! changed is in force for the next request, on old connections too, which are asked to end. A file with faults changes nothing: the
//! last good one stays, the log says why, and `upswell_config_last_reload_successful` is 0 until it is mended. TLS itself is neither
//! turned on nor off while the service runs, and what is asked of clients is not given up: a section lost from a file must neither lay
//! passwords open nor let anybody in.

use super::passwords::Passwords;
use super::tls;
use super::web::{Access, Clients, Web, WebFile};
use crate::wire::telemetry::Telemetry;
use arc_swap::ArcSwap;
use axum::http::Uri;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;

/// How often the file is read again.
const REREAD: Duration = Duration::from_secs(2);

/// The file as it is in force, made ready.
pub struct Armed {
    pub web: Web,
    pub acceptor: Option<TlsAcceptor>,
    /// Judges the certificates of clients, where some are asked for.
    clients: Option<Arc<dyn ClientCertVerifier>>,
}

impl Armed {
    fn new(web: Web) -> Result<Armed, String> {
        let acceptor = web.tls.as_ref().map(tls::server).transpose()?.map(TlsAcceptor::from);
        let clients = web.tls.as_ref().map(tls::judge).transpose()?.flatten();
        Ok(Armed { web, acceptor, clients })
    }

    /// Whether a client that showed these certificates, and whose handshake went well with this in force, is one of those let in.
    pub fn lets_in(&self, shown: &[CertificateDer<'_>]) -> bool {
        tls::lets_in(self.web.tls.as_ref().map_or(&Clients::Anybody, |tls| &tls.clients), shown)
    }

    /// The same of a client whose handshake was before: its authority is asked for anew.
    pub fn still_lets_in(&self, shown: &[CertificateDer<'_>]) -> bool {
        let known = match (&self.clients, shown) {
            (Some(clients), [own, between @ ..]) => clients.verify_client_cert(own, between, UnixTime::now()).is_ok(),
            _ => true,
        };
        known && self.lets_in(shown)
    }
}

/// Who may ask for what, at present.
pub struct Standing {
    current: ArcSwap<Armed>,
    changed: watch::Sender<()>,
    file: Option<WebFile>,
    /// What is wrong with the file, while something is.
    fault: Mutex<Option<String>>,
    telemetry: Arc<Telemetry>,
    passwords: Passwords,
    streams: Arc<Semaphore>,
    on_loopback: bool,
    customers_for_anybody: bool,
    /// `host:port` of `http.external_url`.
    own_host: Option<String>,
}

impl Standing {
    /// Reads the file. `address` is where the server listens.
    ///
    /// # Errors
    /// A sentence about the file, or what it names.
    pub fn new(access: Access, address: SocketAddr, telemetry: Arc<Telemetry>) -> Result<Standing, String> {
        let web = access.file.as_ref().map(|file| (file.read)(&file.path)).transpose()?.unwrap_or_default();
        if access.file.is_some() && web == Web::default() {
            tracing::warn!("the file of http.web_config is empty: nobody is asked for anything, and nothing is encrypted");
        }
        let on_loopback = address.ip().to_canonical().is_loopback();
        if !web.users.0.is_empty() && web.tls.is_none() && !on_loopback {
            tracing::warn!("passwords cross the network in clear: add tls_server_config to the file of http.web_config");
        }
        let own = access.external_url.and_then(|url| url.parse::<Uri>().ok());
        Ok(Standing {
            current: ArcSwap::from_pointee(Armed::new(web)?),
            changed: watch::Sender::new(()),
            file: access.file,
            fault: Mutex::default(),
            telemetry,
            passwords: Passwords::new()?,
            streams: Arc::new(Semaphore::new(super::guard::STREAMS)),
            on_loopback,
            customers_for_anybody: access.customer_data_without_auth,
            own_host: own.and_then(|url| url.authority().map(|authority| authority.as_str().to_owned())),
        })
    }

    /// What is in force.
    pub fn current(&self) -> Arc<Armed> {
        self.current.load_full()
    }

    /// Tells of every change from now on.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    /// Room for one more stream, if there is any.
    pub fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.streams).try_acquire_owned().ok()
    }

    /// Whether only this machine reaches us.
    pub fn on_loopback(&self) -> bool {
        self.on_loopback
    }

    /// Whether the configuration gives customer data to anybody.
    pub fn gives_customers_to_anybody(&self) -> bool {
        self.customers_for_anybody
    }

    /// `host:port` under which the world knows us, if it was told.
    pub fn own_host(&self) -> Option<&str> {
        self.own_host.as_deref()
    }

    /// Reads the file again, again and again.
    pub async fn keep_current(self: Arc<Standing>) -> Infallible {
        loop {
            tokio::time::sleep(REREAD).await;
            let standing = Arc::clone(&self);
            if self.file.is_some() && tokio::task::spawn_blocking(move || standing.reread()).await.is_err() {
                tracing::error!("reading the file of http.web_config panicked; please report this as a defect");
            }
        }
    }

    fn reread(&self) {
        let Some(file) = &self.file else { return };
        let outcome = (file.read)(&file.path).and_then(|web| self.take_over(web));
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        self.telemetry.web_config_is_current.set_flag(outcome.is_ok());
        match outcome {
            Ok(changed) => {
                let mended = fault.take().is_some();
                if changed || mended {
                    tracing::info!(file = %file.path.display(), "the file of http.web_config is in force as it stands");
                }
            }
            Err(sentence) if fault.as_ref() == Some(&sentence) => {}
            Err(sentence) => {
                tracing::error!("the file of http.web_config was not taken over, the last good one stays: {sentence}");
                *fault = Some(sentence);
            }
        }
    }

    /// Whether it was another one.
    fn take_over(&self, web: Web) -> Result<bool, String> {
        let current = self.current();
        if web == current.web {
            return Ok(false);
        }
        if web.tls.is_some() != current.web.tls.is_some() {
            return Err("TLS can only be turned on or off by a restart; restart the service, or put the section back".to_owned());
        }
        if let Some(lost) = current.web.loses_to(&web) {
            return Err(format!(
                "{lost}, and whoever was kept out would be let in; put it back, or restart the service to do without"
            ));
        }
        self.current.store(Arc::new(Armed::new(web)?));
        self.changed.send_replace(());
        Ok(true)
    }
}
