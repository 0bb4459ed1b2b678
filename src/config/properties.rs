//! Pass-through properties of librdkafka: which of them are Upswell's own, and which hold secrets.

/// Properties that Upswell sets itself, with what to use instead. Several are what its exactness rests on: positions come from
/// its own state, both topics go to the same owner, a rejected record's letter is acknowledged before anything moves on.
const OWNED: &[(&str, &str)] = &[
    ("bootstrap.servers", "set kafka.brokers"),
    ("metadata.broker.list", "set kafka.brokers"),
    ("group.id", "set kafka.group_id"),
    ("group.instance.id", "set kafka.instance_id"),
    ("group.protocol", "set kafka.group_protocol"),
    ("group.protocol.type", "set kafka.group_protocol"),
    ("group.remote.assignor", "set kafka.group_protocol; both topics must go to the same owner, which only range does"),
    ("partition.assignment.strategy", "set kafka.group_protocol; both topics must go to the same owner, which only range does"),
    ("auto.offset.reset", "see kafka.accept_truncated_log; a gap in the log is never skipped"),
    ("enable.auto.commit", "remove it; positions are Upswell's own"),
    ("auto.commit.enable", "remove it; positions are Upswell's own"),
    ("auto.commit.interval.ms", "remove it; positions are Upswell's own"),
    ("enable.auto.offset.store", "remove it; positions are Upswell's own"),
    ("offset.store.method", "remove it; positions are Upswell's own"),
    ("enable.partition.eof", "remove it; it moves positions wrongly"),
    ("check.crcs", "remove it; damaged batches are never read"),
    ("isolation.level", "remove it; aborted transactions are never counted"),
    ("allow.auto.create.topics", "remove it; create the topics of kafka.topics yourself"),
    ("statistics.interval.ms", "remove it; Upswell reads the statistics at its own pace"),
    ("acks", "remove it; dead letters are acknowledged by all replicas"),
    ("request.required.acks", "remove it; dead letters are acknowledged by all replicas"),
    ("enable.idempotence", "remove it; dead letters are acknowledged by all replicas"),
    ("delivery.report.only.error", "remove it; dead letters are acknowledged by all replicas"),
    ("transactional.id", "remove it; dead letters are acknowledged one by one"),
    ("plugin.library.paths", "remove it; foreign code is not loaded"),
];

/// Why a property may not be set, and what to do instead.
pub fn owned(name: &str) -> Option<String> {
    let (_, instead) = OWNED.iter().find(|(owned, _)| *owned == name)?;
    Some(format!("{name} is Upswell's own; {instead}"))
}

/// Parts of names whose values are hidden. Rather one too many than one too few.
const SECRET_PARTS: [&str; 11] = [
    "password",
    "passphrase",
    "secret",
    "token",
    "credential",
    "private",
    "jaas",
    "key.pem",
    "oauthbearer.config",
    "extensions",
    "ssl_key",
];

/// Whether the value of a property is never printed.
pub fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_lowercase();
    SECRET_PARTS.iter().any(|part| name.contains(part))
        || (value.contains("://") && value.contains('@'))
        || value.contains("PRIVATE KEY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owned_properties_name_our_key() {
        for (property, key) in [
            ("group.id", "kafka.group_id"),
            ("bootstrap.servers", "kafka.brokers"),
            ("partition.assignment.strategy", "kafka.group_protocol"),
            ("auto.offset.reset", "kafka.accept_truncated_log"),
        ] {
            assert!(owned(property).is_some_and(|message| message.contains(key)), "{property}");
        }
        assert_eq!(owned("security.protocol"), None);
    }

    #[test]
    fn secrets_are_hidden() {
        for (name, value, hidden) in [
            ("sasl.password", "x", true),
            ("ssl.key.pem", "x", true),
            ("ssl.key.password", "x", true),
            ("sasl.oauthbearer.config", "x", true),
            ("sasl.oauthbearer.client.secret", "x", true),
            ("SASL.PASSWORD", "x", true),
            ("https.proxy", "http://user:pass@proxy", true),
            ("sasl.mechanism", "PLAIN", false),
            ("sasl.username", "x", false),
            ("ssl.key.location", "/etc/ssl/key.pem", false),
            ("security.protocol", "SASL_SSL", false),
        ] {
            assert_eq!(is_secret(name, value), hidden, "{name}");
        }
    }
}
