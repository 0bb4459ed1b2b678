//! A real Alertmanager, and what it was told.

use crate::http;
use crate::parts::{Place, free_ports};
use serde_json::Value;

/// Alertmanager with a receiver that tells nobody.
#[derive(Debug)]
pub struct Alertmanager {
    _place: Place,
    port: u16,
}

impl Alertmanager {
    /// Returns when it is ready. Alerts are forgotten soon after they have ended.
    pub fn start() -> Alertmanager {
        Alertmanager::start_with("route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n")
    }

    /// The same with this configuration.
    pub fn start_with(config: &str) -> Alertmanager {
        let (place, port) = (Place::new(), free_ports(1));
        std::fs::write(place.directory().join("alertmanager.yml"), config).expect("the configuration can be written");
        place.real("alertmanager", &[&port.to_string()]);
        Alertmanager { _place: place, port }
    }

    /// Its base address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The alerts that fire there, as its API lists them.
    pub fn alerts(&self) -> Vec<Value> {
        let answer = http::get(&format!("{}/api/v2/alerts", self.url())).expect("Alertmanager answers");
        answer.json().as_array().expect("a list of alerts").clone()
    }
}
