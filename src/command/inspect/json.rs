//! What was found as JSON: everything, in a shape that only grows.

use super::contents::{Contents, Customer, Whole};
use super::survey::{Image, Partition};
use crate::domain::calendar::Instant;
use crate::domain::facts::{FactKind, TopicKind};
use crate::engine::rejected::Rejected;
use crate::wire::checkpoint::{Label, Manifest, PieceRef, Position};
use serde_json::{Map, Value, json};

/// All partitions.
pub fn partitions(partitions: &[Partition]) -> Value {
    let partition = |partition: &Partition| {
        let images: Vec<Value> = partition.images.iter().map(image).collect();
        let (pieces, bytes) = partition.spare;
        json!({ "folder": partition.folder, "images": images, "unnamed_pieces": { "count": pieces, "bytes": bytes } })
    };
    json!({ "partitions": partitions.iter().map(partition).collect::<Vec<_>>() })
}

/// One image.
pub fn image(image: &Image) -> Value {
    let name = image.name();
    let mut object = json!({
        "image": image.file, "state": state(image), "damage": image.damage, "unreadable": image.unreadable,
        "generation": name.map(|name| name.generation), "sum": name.map(|name| name.sum),
        "writer": name.map(|name| format!("{:016x}", name.writer)), "sequence": name.map(|name| name.sequence),
        "bytes": image.bytes(), "manifest_bytes": image.length,
    });
    let Some(manifest) = &image.manifest else { return object };
    object["taken_at"] = instant(manifest.taken_at);
    object["identity"] = identity(manifest);
    object["positions"] = by_topic(|topic| manifest.positions[topic as usize].as_ref().map_or(Value::Null, position));
    object["holds"] = head(manifest);
    object["placement"] = by_kind(|kind| {
        let [murmur2, crc32, neither] = manifest.placement[kind as usize];
        json!({ "murmur2_only": murmur2, "crc32_only": crc32, "neither": neither })
    });
    object["rejected"] =
        image.whole.as_ref().map_or(Value::Null, |whole| by_kind(|kind| rejected(&whole.rejected[kind as usize])));
    let piece = |(number, (piece, fault)): (usize, &(PieceRef, Option<String>))| {
        let part = if number < manifest.base_pieces as usize { "base" } else { "delta" };
        let PieceRef { name, length, checksum } = piece;
        json!({ "piece": name, "part": part, "bytes": length, "checksum": format!("{checksum:032x}"), "fault": fault })
    };
    object["pieces"] = image.pieces.iter().enumerate().map(piece).collect();
    customers(&mut object, image.whole.as_ref());
    object
}

/// A piece by itself.
pub fn piece(label: &Label, contents: &Contents, bytes: usize) -> Value {
    let Label { fingerprint, writer, sequence, number } = label;
    let counts: Map<String, Value> =
        contents.counts().iter().map(|(what, count)| ((*what).to_owned(), (*count).into())).collect();
    let mut object = json!({
        "state": "complete", "fingerprint": format!("{fingerprint:032x}"), "writer": format!("{writer:016x}"),
        "sequence": sequence, "number": number, "bytes": bytes, "holds": counts,
    });
    let customers: Vec<Value> = contents.customers().map(|(id, of)| customer(id, &of)).collect();
    if !customers.is_empty() {
        object["customers"] = customers.into();
    }
    object
}

/// One word for an image.
pub fn state(image: &Image) -> &'static str {
    if image.damage.is_some() { "damaged" } else { "complete" }
}

fn identity(manifest: &Manifest) -> Value {
    let identity = &manifest.identity;
    let topic = |topic: TopicKind| {
        identity.topics[topic as usize].as_ref().map_or(Value::Null, |topic| json!({ "name": topic.name, "id": topic.id }))
    };
    json!({
        "cluster_id": identity.cluster_id, "partition": identity.partition, "partitions": identity.partitions,
        "topics": by_topic(topic), "time_zone": identity.time_zone, "fingerprint": format!("{:032x}", identity.fingerprint()),
    })
}

fn position(position: &Position) -> Value {
    let Position { next, began, oldest_record, newest_record } = position;
    json!({ "next": next, "began": began, "oldest_record": oldest_record.map(instant), "newest_record": newest_record.map(instant) })
}

fn head(manifest: &Manifest) -> Value {
    let head = &manifest.head;
    let generation = |(until, ids): &(Instant, u64)| json!({ "until": instant(*until), "ids": ids });
    json!({
        "accounts": head.accounts, "texts": head.texts, "generations": head.generations.iter().map(generation).collect::<Vec<_>>(),
        "usage_from_day": head.floor.date().to_string(), "views_from": instant(head.floor_at),
        "record_time": head.record_time.map(instant), "usage_ahead": head.ahead.len(),
    })
}

fn rejected(rejected: &Rejected) -> Value {
    let run = |(first, end, reason): (i64, i64, crate::domain::facts::Reason)| json!({ "reason": reason.as_str(), "first": first, "last": end.saturating_sub(1) });
    json!({ "offsets": rejected.len(), "runs": rejected.runs().map(run).collect::<Vec<_>>() })
}

fn customers(object: &mut Value, whole: Option<&Whole>) {
    let Some(whole) = whole.filter(|whole| !whole.customers.is_empty()) else { return };
    object["customers"] = whole.customers.iter().map(|(id, of)| customer(id, of)).collect();
}

fn customer(id: &str, customer: &Customer) -> Value {
    let Customer { subscriptions, states, usage_days, first_usage } = customer;
    json!({
        "customer_id": id, "subscriptions": subscriptions, "states": states, "usage_days": usage_days,
        "first_usage": first_usage.map(instant),
    })
}

fn instant(instant: Instant) -> Value {
    instant.to_rfc3339().into()
}

fn by_topic(of: impl Fn(TopicKind) -> Value) -> Value {
    let names = ["subscriptions", "usage", "retries"];
    names.into_iter().zip(TopicKind::ALL).map(|(name, topic)| (name.to_owned(), of(topic))).collect::<Map<_, _>>().into()
}

fn by_kind(of: impl Fn(FactKind) -> Value) -> Value {
    json!({ "subscriptions": of(FactKind::Subscription), "usage": of(FactKind::Usage) })
}
