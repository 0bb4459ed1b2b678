//! Looking at the images of one partition: every file is read and verified as a restore would, and nothing is changed.

use super::contents::{Contents, Whole, add_up};
use crate::adapter::store::archive::{MAX_MANIFEST, UNREADABLE};
use crate::adapter::store::{Entry, Error, Store};
use crate::wire::checkpoint::{Damage, Label, Manifest, Name, PieceRef, manifest, parse_name, parse_piece_name};
use crate::wire::checkpoint::{read_lone_piece, read_piece};
use bytes::Bytes;
use std::collections::{HashMap, HashSet};

/// Bytes of a word about an unreadable image at most.
const MAX_MARK: u64 = 1 << 16;

/// A partition's folder.
#[derive(Debug)]
pub struct Partition {
    /// Its name within what was asked for; empty if it is that.
    pub folder: String,
    /// Newest first.
    pub images: Vec<Image>,
    /// Pieces that no manifest names, and their bytes.
    pub spare: (u64, u64),
}

/// An image, as far as its files tell.
#[derive(Debug)]
pub struct Image {
    /// Name of its manifest's file.
    pub file: String,
    /// Bytes of the manifest.
    pub length: u64,
    /// `None` if it cannot be read.
    pub manifest: Option<Manifest>,
    /// In the manifest's order; what is wrong with each.
    pub pieces: Vec<(PieceRef, Option<String>)>,
    /// Why it could not be restored.
    pub damage: Option<String>,
    /// Why somebody could not use it before.
    pub unreadable: Option<String>,
    /// `None` if it is damaged.
    pub whole: Option<Whole>,
}

impl Image {
    /// Bytes of manifest and pieces.
    pub fn bytes(&self) -> u64 {
        self.pieces.iter().map(|(piece, _)| piece.length).fold(self.length, u64::saturating_add)
    }

    /// What its name, or else its manifest, says.
    pub fn name(&self) -> Option<Name> {
        parse_name(&self.file).or_else(|| self.manifest.as_ref().map(Manifest::name))
    }
}

/// Looks into one folder. A piece that several images name is read once.
pub struct Survey<'s> {
    store: &'s Store,
    folder: String,
    wants_customers: bool,
    /// What was found of a piece, as a manifest of that identity names it.
    seen: HashMap<(String, u64, u128, u128), Result<Contents, String>>,
}

impl<'s> Survey<'s> {
    pub fn new(store: &'s Store, folder: &str, wants_customers: bool) -> Survey<'s> {
        Survey { store, folder: folder.to_owned(), wants_customers, seen: HashMap::new() }
    }

    /// Everything in the folder. Customers are told of the newest image only.
    ///
    /// # Errors
    /// The store does not give something, which says nothing about the image.
    pub fn partition(mut self) -> Result<Partition, Error> {
        let listed = self.store.list(&self.folder)?;
        let mut names: Vec<(Name, &Entry)> = listed.iter().filter_map(|entry| Some((parse_name(&entry.name)?, entry))).collect();
        names.sort_unstable_by_key(|(name, _)| std::cmp::Reverse(*name));
        let mut images = Vec::new();
        for (_, entry) in names {
            let Some(file) = self.get(&entry.name, MAX_MANIFEST)? else { continue };
            let unreadable = self.mark(&entry.name, &listed)?;
            let image = self.image(&entry.name, file.as_ref().map_err(Clone::clone))?;
            self.wants_customers = false;
            images.push(Image { unreadable, length: entry.size, ..image });
        }
        let spare = spare(&listed, &images);
        Ok(Partition { folder: self.folder, images, spare })
    }

    /// One image, given what could be read of its manifest.
    ///
    /// # Errors
    /// The store does not give a piece.
    pub fn image(&mut self, name: &str, file: Result<&Bytes, Damage>) -> Result<Image, Error> {
        let length = file.as_ref().map_or(0, |file| file.len() as u64);
        let mut image =
            Image { file: name.to_owned(), length, manifest: None, pieces: vec![], damage: None, unreadable: None, whole: None };
        match file.and_then(|file| manifest::decode(file)) {
            Ok(manifest) => image.manifest = Some(manifest),
            Err(damage) => image.damage = Some(damage.to_string()),
        }
        let Some(manifest) = &image.manifest else { return Ok(image) };
        for piece in &manifest.pieces {
            let fault = self.piece(manifest, piece)?;
            image.pieces.push((piece.clone(), fault));
        }
        match self.judge(name, manifest, &image.pieces) {
            Ok(whole) => image.whole = Some(whole),
            Err(damage) => image.damage = Some(damage),
        }
        Ok(image)
    }

    /// What is wrong with a piece.
    fn piece(&mut self, manifest: &Manifest, piece: &PieceRef) -> Result<Option<String>, Error> {
        let key = key(manifest, piece);
        if !self.seen.contains_key(&key) {
            let file = self.get(&piece.name, piece.length)?;
            let found = match file {
                None => Err("it is missing".to_owned()),
                Some(file) => file.and_then(|file| self.contents(&file, manifest, piece)).map_err(|damage| damage.to_string()),
            };
            self.seen.insert(key.clone(), found);
        }
        Ok(self.seen.get(&key).and_then(|found| found.as_ref().err().cloned()))
    }

    fn contents(&self, file: &[u8], manifest: &Manifest, piece: &PieceRef) -> Result<Contents, Damage> {
        let mut contents = Contents::default();
        let texts = manifest.head.texts;
        read_piece(file, piece, &manifest.identity, |section| contents.take(section, texts, self.wants_customers))?;
        Ok(contents)
    }

    /// What an image comes to, or why it could not be restored.
    fn judge(&self, name: &str, manifest: &Manifest, pieces: &[(PieceRef, Option<String>)]) -> Result<Whole, String> {
        if parse_name(name).is_some_and(|name| name != manifest.name()) {
            return Err(Damage::Elsewhere("its name is another image's").to_string());
        }
        let number: Option<i32> = self.folder.rsplit('/').next().and_then(|folder| folder.strip_prefix('p')?.parse().ok());
        if number.is_some_and(|number| number != manifest.identity.partition) {
            return Err(Damage::Elsewhere("it is of another partition than its folder").to_string());
        }
        if let Some((piece, Some(fault))) = pieces.iter().find(|(_, fault)| fault.is_some()) {
            return Err(format!("piece {}: {fault}", piece.name));
        }
        let seen = |(piece, _): &(PieceRef, Option<String>)| self.seen.get(&key(manifest, piece))?.as_ref().ok();
        let contents: Vec<&Contents> = pieces.iter().filter_map(seen).collect();
        add_up(&manifest.head, &contents).map_err(|mismatch| format!("it does not hold what it should: {mismatch}"))
    }

    /// Why an image was marked unreadable, if it was.
    fn mark(&self, name: &str, listed: &[Entry]) -> Result<Option<String>, Error> {
        let mark = format!("{name}{UNREADABLE}");
        if !listed.iter().any(|entry| entry.name == mark) {
            return Ok(None);
        }
        Ok(self.get(&mark, MAX_MARK)?.map(|reason| match reason {
            Ok(reason) => String::from_utf8_lossy(&reason).into_owned(),
            Err(_) => "the reason is too long to be one".to_owned(),
        }))
    }

    /// An object; `None` if there is none.
    fn get(&self, name: &str, most: u64) -> Result<Option<Result<Bytes, Damage>>, Error> {
        let separator = if self.folder.is_empty() { "" } else { "/" };
        match self.store.get(&format!("{}{separator}{name}", self.folder), most) {
            Ok(file) => Ok(Some(Ok(file))),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(Error::TooLarge { .. }) => Ok(Some(Err(Damage::Inconsistent("it is larger than it can be")))),
            Err(error) => Err(error),
        }
    }
}

fn key(manifest: &Manifest, piece: &PieceRef) -> (String, u64, u128, u128) {
    (piece.name.clone(), piece.length, piece.checksum, manifest.identity.fingerprint())
}

/// How many pieces no image names, and their bytes.
fn spare(listed: &[Entry], images: &[Image]) -> (u64, u64) {
    let named: HashSet<&str> = images.iter().flat_map(|image| &image.pieces).map(|(piece, _)| piece.name.as_str()).collect();
    let spare = listed.iter().filter(|entry| parse_piece_name(&entry.name).is_some() && !named.contains(entry.name.as_str()));
    spare.fold((0, 0_u64), |(count, bytes), entry| (count + 1, bytes.saturating_add(entry.size)))
}

/// A piece by itself.
pub fn lone_piece(file: &[u8], wants_customers: bool) -> Result<(Label, Contents), Damage> {
    let mut contents = Contents::default();
    // How many texts there are, only the manifest knows.
    let label = read_lone_piece(file, |section| contents.take(section, u32::MAX, wants_customers))?;
    Ok((label, contents))
}
