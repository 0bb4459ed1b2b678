//! Whether the schema registry answers as one, and whether the directory of schemas holds schemas.

use super::Findings;
use crate::adapter::registry::Registry;
use crate::config::Config;

/// Asks the registry, and reads the directory.
pub fn look(config: &Config, findings: &mut Findings) {
    let settings = config.schema_registry.settings();
    let result = Registry::new(&settings).and_then(|registry| registry.check());
    match result {
        Ok(()) => findings.well.push(format!("schema registry: {} can be asked", named(&config.schema_registry))),
        Err(error) => {
            findings.configuration |= !error.is_transient();
            findings.troubles.push(format!("schema registry: {error}"));
        }
    }
}

/// The places that schemas come from.
fn named(registry: &crate::config::SchemaRegistry) -> String {
    let directory = registry.directory.as_ref().map(|directory| directory.display().to_string());
    registry.url.iter().cloned().chain(directory).collect::<Vec<_>>().join(" and ")
}
