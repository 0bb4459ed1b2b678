//! Whether the schema registry answers as one, whether the schemas it holds for our topics can be read, and whether the directory of
//! schemas holds schemas.

use super::Findings;
use crate::adapter::registry::{Error, Registry};
use crate::config::{Config, SchemaRegistry};
use crate::domain::facts::FactKind;

/// Asks the registry, and reads the directory.
pub fn look(config: &Config, findings: &mut Findings) {
    if let Err(error) = ask(config, findings) {
        findings.configuration |= !error.is_transient();
        findings.troubles.push(format!("schema registry: {error}"));
    }
}

fn ask(config: &Config, findings: &mut Findings) -> Result<(), Error> {
    let registry = Registry::new(&config.schema_registry.settings())?;
    registry.check()?;
    findings.well.push(format!("schema registry: {} can be asked", places(&config.schema_registry)));
    if config.schema_registry.url.is_none() {
        return Ok(());
    }
    let topics = &config.kafka.topics;
    for (topic, kind) in [(&topics.subscriptions, FactKind::Subscription), (&topics.usage, FactKind::Usage)] {
        let subject = format!("{topic}-value");
        match registry.latest(&subject)?.map(|schema| schema.decoder(kind).fault().map(str::to_owned)) {
            None => findings.well.push(format!("schema registry: nothing is registered as {subject} yet")),
            Some(None) => findings.well.push(format!("schema registry: the newest schema of {subject} can be read")),
            Some(Some(fault)) => findings.troubles.push(format!(
                "schema registry: every event written with the newest schema of {subject} would be rejected: {fault}; register one \
                 that fits `upswell schema`"
            )),
        }
    }
    Ok(())
}

/// The places that schemas come from.
fn places(registry: &SchemaRegistry) -> String {
    let directory = registry.directory.as_ref().map(|directory| directory.display().to_string());
    registry.url.iter().cloned().chain(directory).collect::<Vec<_>>().join(" and ")
}
