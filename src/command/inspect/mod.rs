//! `upswell inspect`: what a checkpoint holds, and whether it is whole.
//!
//! Needs no configuration and changes nothing. Every manifest and piece is read and verified as a restore would, so a place that this
//! finds whole can be restored from.

mod contents;
mod json;
mod place;
mod survey;
mod table;

use super::{Failure, print};
use crate::adapter::store::Error;
use crate::wire::checkpoint::envelope::{self, Kind};
use crate::wire::plain;
use anyhow::anyhow;
use clap::ValueEnum;
use place::Place;
use survey::{Image, Partition, Survey};

pub const NOTES: &str = "\
PATH is checkpoint.url or its directory, the folder of a consumer group or of a partition in it, or one manifest (m-...) or piece \
(d-...). The images of a partition are listed newest first; that of one partition, or of a manifest, is shown in full.

Exit code 1: the newest image of a partition, or the file that was named, is damaged.

Examples:
  upswell inspect /var/lib/upswell
  upswell inspect s3://bucket/prefix/upswell/p00003 --format json
  upswell inspect /var/lib/upswell/upswell/p00003 --customers";

/// Arguments of `upswell inspect`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Place of checkpoints, folder or file: a path, or an address such as s3://bucket/prefix
    #[arg(value_name = "PATH")]
    path: String,
    /// A table for people, or JSON with everything in it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// List the customers of each newest image too: their ids may be personal data
    #[arg(long)]
    customers: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// Prints what is there.
///
/// # Errors
/// Nothing is there or it cannot be read, or it is damaged.
pub fn execute(args: &Args) -> Result<(), Failure> {
    match Place::find(&args.path)? {
        Place::Folder(store) => {
            let folders = place::partitions(&store)?;
            if folders.is_empty() {
                return Err(
                    anyhow!("{} holds no checkpoint; name a place of checkpoints or a folder in it", store.shown()).into()
                );
            }
            let look = |folder: &String| Survey::new(&store, folder, args.customers).partition();
            let partitions: Vec<Partition> =
                folders.iter().map(look).collect::<Result<_, Error>>().map_err(anyhow::Error::new)?;
            args.tell(table::partitions(&partitions), json::partitions(&partitions))?;
            verdict(&partitions)
        }
        Place::File { bytes, .. } if envelope::is(Kind::Piece, &bytes) => {
            let found = survey::lone_piece(&bytes, args.customers);
            let (label, contents) = found.map_err(|damage| anyhow!("{} is damaged: {damage}", args.path))?;
            args.tell(table::piece(&label, &contents, bytes.len()), json::piece(&label, &contents, bytes.len()))
        }
        Place::File { store, name, bytes } => {
            let image = Survey::new(&store, "", args.customers).image(&name, Ok(&bytes)).map_err(anyhow::Error::new)?;
            args.tell(table::image(&image), json::image(&image))?;
            damaged(&image).map_or(Ok(()), |damage| Err(anyhow!("{damage}").into()))
        }
    }
}

impl Args {
    fn tell(&self, table: String, json: serde_json::Value) -> Result<(), Failure> {
        match self.format {
            Format::Table => print(&table),
            Format::Json => {
                let text = format!("{json:#}");
                print(&text.lines().map(|line| plain::shown_json(line) + "\n").collect::<String>())
            }
        }
    }
}

fn damaged(image: &Image) -> Option<String> {
    image.damage.as_ref().map(|damage| format!("{} is damaged: {}", plain::shown(&image.file), plain::shown(damage)))
}

/// Only the newest image of each partition matters to a restart.
fn verdict(partitions: &[Partition]) -> Result<(), Failure> {
    let newest = partitions.iter().filter_map(|partition| Some((partition, partition.images.first()?)));
    let told = newest.filter_map(|(partition, image)| {
        let place = if partition.folder.is_empty() { String::new() } else { format!("{}: ", plain::shown(&partition.folder)) };
        damaged(image).map(|damage| format!("{place}the newest image {damage}"))
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() { Ok(()) } else { Err(anyhow!("{}", told.join("\n")).into()) }
}
