//! What was found as tables for people. Names come from files and folders that anybody may have written, so they are shown as
//! harmless text.

use super::contents::{Contents, Customer};
use super::json::state;
use super::survey::{Image, Partition};
use crate::command::columns::lay_out;
use crate::domain::calendar::Instant;
use crate::engine::image::Head;
use crate::engine::rejected::Rejected;
use crate::wire::checkpoint::{Label, Manifest};
use crate::wire::plain;

/// Runs of rejected offsets that are shown of each topic; all are in the JSON.
const MOST_RUNS: usize = 20;

type Rows = Vec<Vec<String>>;

/// A line per image; if there is one partition only, its newest image in full.
pub fn partitions(partitions: &[Partition]) -> String {
    let heading = ["PARTITION", "TAKEN AT", "GENERATION", "SUM", "WRITER", "SEQUENCE", "PIECES", "BYTES", "STATE"];
    let mut rows = vec![owned(heading)];
    for partition in partitions {
        rows.extend(partition.images.iter().map(|image| line(&partition.folder, image)));
        if partition.images.is_empty() {
            rows.push(owned([folder(&partition.folder).as_str(), "-", "-", "-", "-", "-", "-", "-", "no image"]));
        }
    }
    let mut out = lay_out(&rows);
    for partition in partitions.iter().filter(|partition| partition.spare.0 > 0) {
        let (pieces, bytes) = partition.spare;
        let place = folder(&partition.folder);
        out.push_str(&format!(
            "{place}: {pieces} pieces of {bytes} bytes belong to no image (one being written, or to be cleaned)\n"
        ));
    }
    let newest = partitions.iter().filter_map(|partition| Some((partition, partition.images.first()?)));
    for (partition, newest) in newest {
        if partitions.len() == 1 {
            out.push_str(&format!("\n{}", image(newest)));
        } else if newest.whole.as_ref().is_some_and(|whole| !whole.customers.is_empty()) {
            out.push_str(&format!("\n{}\n{}", folder(&partition.folder), customers_of(newest)));
        }
    }
    out
}

fn line(place: &str, image: &Image) -> Vec<String> {
    let name = image.name();
    let known = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    vec![
        folder(place),
        known(image.manifest.as_ref().map(|manifest| manifest.taken_at.to_rfc3339())),
        known(name.map(|name| name.generation.to_string())),
        known(name.map(|name| name.sum.to_string())),
        known(name.map(|name| format!("{:016x}", name.writer))),
        known(name.map(|name| name.sequence.to_string())),
        known(image.manifest.as_ref().map(|manifest| manifest.pieces.len().to_string())),
        image.bytes().to_string(),
        sentence(image),
    ]
}

/// State and reasons.
fn sentence(image: &Image) -> String {
    let damage = image.damage.iter().map(|damage| format!(": {}", plain::shown(damage)));
    let marked = image.unreadable.iter().map(|reason| format!("; marked unreadable: {}", plain::shown(reason)));
    [state(image).to_owned()].into_iter().chain(damage).chain(marked).collect()
}

/// One image in full.
pub fn image(image: &Image) -> String {
    let mut rows = vec![owned(["image", &plain::shown(&image.file)]), owned(["state", &sentence(image)])];
    let Some(manifest) = &image.manifest else { return lay_out(&rows) };
    let writer = format!("{:016x}, image {} of its process", manifest.writer, manifest.sequence);
    let identity = &manifest.identity;
    let pairs = [
        ("taken at", manifest.taken_at.to_rfc3339()),
        ("writer", writer),
        ("generation", manifest.generation.to_string()),
        ("cluster", plain::shown(identity.cluster_id.as_deref().unwrap_or("-"))),
        ("partition", format!("{} of {}", identity.partition, identity.partitions)),
        ("time zone", plain::shown(&identity.time_zone)),
    ];
    rows.extend(pairs.map(|(what, value)| owned([what, &value])));
    rows.extend(held(&manifest.head));
    let mut out = lay_out(&rows);
    out.push_str(&format!("\n{}\n{}", lay_out(&topics(manifest)), lay_out(&placement(manifest))));
    if let Some(whole) = &image.whole {
        out.push_str(&format!("\n{}", lay_out(&rejected(&whole.rejected))));
    }
    out.push_str(&format!("\n{}", lay_out(&pieces(image, manifest))));
    if image.whole.as_ref().is_some_and(|whole| !whole.customers.is_empty()) {
        out.push_str(&format!("\n{}", customers_of(image)));
    }
    out
}

fn held(head: &Head) -> Rows {
    let mut rows = vec![
        owned(["accounts", &head.accounts.to_string()]),
        owned(["texts", &head.texts.to_string()]),
        owned(["usage kept", &format!("from {} on, for views from {} on", head.floor.date(), head.floor_at.to_rfc3339())]),
        owned(["usage ahead", &format!("{} (events after the instant of the view)", head.ahead.len())]),
        owned(["record time", &time(head.record_time)]),
    ];
    let generation = |(until, ids): &(Instant, u64)| owned(["ids", &format!("{ids} until {}", until.to_rfc3339())]);
    rows.extend(head.generations.iter().map(generation));
    rows
}

fn topics(manifest: &Manifest) -> Rows {
    let mut rows = vec![owned(["TOPIC", "ID", "NEXT", "BEGAN", "OLDEST RECORD", "NEWEST RECORD"])];
    for (topic, position) in manifest.identity.topics.iter().zip(&manifest.positions) {
        let Some(topic) = topic else { continue };
        let mut row = vec![plain::shown(&topic.name), plain::shown(topic.id.as_deref().unwrap_or("-"))];
        match position {
            None => row.push("not read".to_owned()),
            Some(at) => row.extend([at.next.to_string(), at.began.to_string(), time(at.oldest_record), time(at.newest_record)]),
        }
        rows.push(row);
    }
    rows
}

fn placement(manifest: &Manifest) -> Rows {
    let mut rows = vec![owned(["CUSTOMERS PLACED BY", "MURMUR2 ONLY", "CRC32 ONLY", "NEITHER"])];
    for (topic, counts) in ["subscriptions", "usage"].into_iter().zip(manifest.placement) {
        rows.push(std::iter::once(topic.to_owned()).chain(counts.map(|count| count.to_string())).collect());
    }
    rows
}

fn rejected(rejected: &[Rejected; 2]) -> Rows {
    let mut rows = vec![owned(["REJECTED OFFSETS", "REASON", "FIRST", "LAST"])];
    for (topic, rejected) in ["subscriptions", "usage"].into_iter().zip(rejected) {
        let run = |(first, end, reason): (i64, i64, crate::domain::facts::Reason)| {
            owned([topic, reason.as_str(), &first.to_string(), &end.saturating_sub(1).to_string()])
        };
        rows.extend(rejected.runs().take(MOST_RUNS).map(run));
        let more = rejected.runs().count().saturating_sub(MOST_RUNS);
        if more > 0 {
            rows.push(owned([topic, &format!("{more} further runs, in --format json")]));
        }
        rows.push(owned([topic, "all", &format!("{} offsets", rejected.len())]));
    }
    rows
}

fn pieces(image: &Image, manifest: &Manifest) -> Rows {
    let mut rows = vec![owned(["PIECE", "PART", "BYTES", "STATE"])];
    for (number, (piece, fault)) in image.pieces.iter().enumerate() {
        let part = if number < manifest.base_pieces as usize { "base" } else { "delta" };
        let state = fault.as_deref().map_or_else(|| "verified".to_owned(), plain::shown);
        rows.push(owned([&plain::shown(&piece.name), part, &piece.length.to_string(), &state]));
    }
    rows
}

/// A piece by itself.
pub fn piece(label: &Label, contents: &Contents, bytes: usize) -> String {
    let Label { fingerprint, writer, sequence, number } = label;
    let mut rows = vec![
        owned(["piece", &format!("{number} of image {sequence} of writer {writer:016x}")]),
        owned(["state", "complete"]),
        owned(["fingerprint", &format!("{fingerprint:032x}")]),
        owned(["bytes", &bytes.to_string()]),
    ];
    rows.extend(contents.counts().iter().map(|(what, count)| owned([&what.replace('_', " "), &count.to_string()])));
    let customers: Vec<_> = contents.customers().collect();
    let list = if customers.is_empty() { String::new() } else { format!("\n{}", list(customers.into_iter())) };
    lay_out(&rows) + &list
}

fn customers_of(image: &Image) -> String {
    list(image.whole.iter().flat_map(|whole| &whole.customers).map(|(id, customer)| (id.as_str(), *customer)))
}

fn list<'a>(customers: impl Iterator<Item = (&'a str, Customer)>) -> String {
    let mut rows = vec![owned(["CUSTOMER", "SUBSCRIPTIONS", "STATES", "USAGE DAYS", "FIRST USAGE"])];
    for (id, Customer { subscriptions, states, usage_days, first_usage }) in customers {
        let counts = [subscriptions, states, usage_days].map(|count| count.to_string());
        rows.push(std::iter::once(plain::shown(id)).chain(counts).chain([time(first_usage)]).collect());
    }
    lay_out(&rows)
}

fn time(at: Option<Instant>) -> String {
    at.map_or_else(|| "-".to_owned(), Instant::to_rfc3339)
}

fn folder(folder: &str) -> String {
    if folder.is_empty() { ".".to_owned() } else { plain::shown(folder) }
}

fn owned<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}
