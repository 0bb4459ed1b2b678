//! The form of an identity, versions 1 and 2. [`super::bytes`] names the primitives.
//!
//! - option of text: cluster id
//! - zigzag: partition
//! - varint: partitions of each topic
//! - three times (subscriptions, usage, retries) an option of: text: topic's name; option of text: topic's id
//! - text: time zone
//!
//! The *fingerprint* of an identity is the XXH3-128 (seed 0) over this form.

use super::bytes::{Cursor, narrow, put_option, put_text, put_varint, put_zigzag};
use super::damage::Damage;
use super::envelope::checksum;
use super::{Identity, TOPICS, TopicIdentity};

impl Identity {
    /// Binds pieces to the identity of their image.
    pub fn fingerprint(&self) -> u128 {
        let mut bytes = Vec::new();
        put(&mut bytes, self);
        checksum(&bytes)
    }
}

/// Appends the form of an identity.
pub fn put(out: &mut Vec<u8>, identity: &Identity) {
    put_option(out, identity.cluster_id.as_deref(), put_text);
    put_zigzag(out, identity.partition.into());
    put_varint(out, identity.partitions.into());
    for topic in &identity.topics {
        put_option(out, topic.as_ref(), |out, topic| {
            put_text(out, &topic.name);
            put_option(out, topic.id.as_deref(), put_text);
        });
    }
    put_text(out, &identity.time_zone);
}

/// Reads an identity.
pub fn get(bytes: &mut Cursor) -> Result<Identity, Damage> {
    let cluster_id = bytes.option(owned)?;
    let (partition, partitions) = (narrow(bytes.zigzag()?)?, bytes.u32_varint()?);
    let mut topics = [const { None }; TOPICS];
    for topic in &mut topics {
        *topic = bytes.option(|bytes| Ok(TopicIdentity { name: owned(bytes)?, id: bytes.option(owned)? }))?;
    }
    Ok(Identity { cluster_id, partition, partitions, topics, time_zone: owned(bytes)? })
}

fn owned(bytes: &mut Cursor) -> Result<String, Damage> {
    bytes.text().map(str::to_owned)
}
