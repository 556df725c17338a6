//! A disk as POSIX promises it: what waits for no sync may be there after a power cut, or not, or in part.
//!
//! Contents and names are two things. A file's bytes are safe when *it* was synced; that it has a name at all
//! is safe when its *folder* was synced. What is not safe yet is kept in the order in which it happened, and a
//! crash keeps any part of it. Nothing here knows which file system would have been kinder.

mod after;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use after::{Sources, bytes_after, names_after};

/// Disks write whole sectors; the harness also cuts between any two bytes.
const SECTOR: usize = 512;

type Number = usize;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Node {
    File(Number),
    Folder(Number),
}

#[derive(Debug, Clone)]
enum Change {
    Write { at: usize, data: Arc<[u8]> },
    Len(usize),
}

/// Bytes that are safe, and what happened to them since, with when each change was done.
#[derive(Debug, Clone, Default)]
struct File {
    safe: Vec<u8>,
    since: VecDeque<(usize, Change)>,
    /// How many changes are safe.
    done: usize,
}

/// Names that one step sets or takes away, all or none.
type Names = Vec<(String, Option<Node>)>;

#[derive(Debug, Clone, Default)]
struct Folder {
    safe: BTreeMap<String, Node>,
    since: VecDeque<(usize, Names)>,
    now: BTreeMap<String, Node>,
    done: usize,
}

/// What a wait for the disk covers, from the moment it began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wait {
    node: Node,
    until: usize,
}

/// Which waits for the disk count: controls leave some out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Syncs {
    pub(crate) files: bool,
    pub(crate) folders: bool,
}

/// A disk.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    files: Vec<File>,
    folders: Vec<Folder>,
    syncs: Syncs,
}

/// What became of what was not safe.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fate {
    pub(crate) kept: usize,
    pub(crate) dropped: usize,
    pub(crate) torn: usize,
}

/// The files after a power cut, by their paths.
pub(crate) type Image = BTreeMap<String, Vec<u8>>;

/// How much survives.
#[derive(Debug, Clone, Copy)]
enum Mood {
    Nothing,
    Everything,
    /// In order, up to somewhere.
    UpTo,
    /// Each by itself.
    Any,
}

impl Disk {
    /// An empty disk. Folders that nobody was seen making were there before.
    pub(crate) fn new(syncs: Syncs) -> Self {
        Self { files: Vec::new(), folders: vec![Folder::default()], syncs }
    }

    fn folder(&mut self, path: &str) -> Number {
        let mut at = 0;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            at = match self.folders[at].now.get(name) {
                Some(Node::Folder(next)) => *next,
                _ => self.was_there(at, name, true),
            };
        }
        at
    }

    /// Something that the record does not see made: safe since before it began.
    fn was_there(&mut self, parent: Number, name: &str, folder: bool) -> Number {
        let (node, number) = if folder { self.new_folder() } else { self.new_file() };
        self.folders[parent].safe.insert(name.to_owned(), node);
        self.folders[parent].now.insert(name.to_owned(), node);
        number
    }

    fn new_folder(&mut self) -> (Node, Number) {
        self.folders.push(Folder::default());
        (Node::Folder(self.folders.len() - 1), self.folders.len() - 1)
    }

    fn new_file(&mut self) -> (Node, Number) {
        self.files.push(File::default());
        (Node::File(self.files.len() - 1), self.files.len() - 1)
    }

    fn parent<'a>(&mut self, path: &'a str) -> (Number, &'a str) {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        (self.folder(folder), name)
    }

    fn node(&mut self, path: &str) -> Option<Node> {
        let (parent, name) = self.parent(path);
        if name.is_empty() { Some(Node::Folder(parent)) } else { self.folders[parent].now.get(name).copied() }
    }

    fn set(&mut self, parent: Number, when: usize, names: Names) {
        let folder = &mut self.folders[parent];
        for (name, node) in &names {
            match node {
                Some(node) => folder.now.insert(name.clone(), *node),
                None => folder.now.remove(name),
            };
        }
        folder.since.push_back((when, names));
    }

    fn file(&mut self, path: &str) -> Number {
        let (parent, name) = self.parent(path);
        match self.folders[parent].now.get(name) {
            Some(Node::File(number)) => *number,
            _ => self.was_there(parent, name, false),
        }
    }

    /// A file is opened; `when` the call was over.
    pub(crate) fn open(&mut self, path: &str, creates: bool, empties: bool, when: usize) {
        if !creates && !empties {
            return;
        }
        let (parent, name) = self.parent(path);
        match self.folders[parent].now.get(name).copied() {
            None => {
                let (node, _) = self.new_file();
                self.set(parent, when, vec![(name.to_owned(), Some(node))]);
            }
            Some(Node::File(number)) if empties => self.files[number].since.push_back((when, Change::Len(0))),
            Some(_) => {}
        }
    }

    pub(crate) fn write(&mut self, path: &str, at: usize, data: &[u8], when: usize) {
        let number = self.file(path);
        self.files[number].since.push_back((when, Change::Write { at, data: data.into() }));
    }

    pub(crate) fn set_len(&mut self, path: &str, len: usize, when: usize) {
        let number = self.file(path);
        self.files[number].since.push_back((when, Change::Len(len)));
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str, when: usize) {
        let Some(node) = self.node(from) else { return };
        let ((old, from), (new, to)) = (self.parent(from), self.parent(to));
        if old == new {
            self.set(old, when, vec![(to.to_owned(), Some(node)), (from.to_owned(), None)]);
        } else {
            self.set(new, when, vec![(to.to_owned(), Some(node))]);
            self.set(old, when, vec![(from.to_owned(), None)]);
        }
    }

    pub(crate) fn link(&mut self, from: &str, to: &str, when: usize) {
        let Some(node) = self.node(from) else { return };
        let (parent, name) = self.parent(to);
        self.set(parent, when, vec![(name.to_owned(), Some(node))]);
    }

    pub(crate) fn unlink(&mut self, path: &str, when: usize) {
        let (parent, name) = self.parent(path);
        self.set(parent, when, vec![(name.to_owned(), None)]);
    }

    pub(crate) fn make_folder(&mut self, path: &str, when: usize) {
        let (parent, name) = self.parent(path);
        if !self.folders[parent].now.contains_key(name) {
            let (node, _) = self.new_folder();
            self.set(parent, when, vec![(name.to_owned(), Some(node))]);
        }
    }

    /// A wait for the disk begins: it covers what was over before `when`.
    pub(crate) fn waits(&mut self, path: &str, when: usize) -> Option<Wait> {
        let node = self.node(path)?;
        let over = |(done, _): &(usize, Change)| *done <= when;
        let until = match node {
            Node::File(number) => {
                let file = &self.files[number];
                file.done + file.since.iter().take_while(|one| over(one)).count()
            }
            Node::Folder(number) => {
                let folder = &self.folders[number];
                folder.done + folder.since.iter().take_while(|(done, _)| *done <= when).count()
            }
        };
        Some(Wait { node, until })
    }

    /// It ended: what it covers is safe.
    pub(crate) fn waited(&mut self, wait: Wait) {
        match wait.node {
            Node::File(number) if self.syncs.files => {
                let file = &mut self.files[number];
                while file.done < wait.until {
                    if let Some((_, change)) = file.since.pop_front() {
                        apply(&mut file.safe, &change);
                    }
                    file.done += 1;
                }
            }
            Node::Folder(number) if self.syncs.folders => {
                let folder = &mut self.folders[number];
                while folder.done < wait.until {
                    if let Some((_, names)) = folder.since.pop_front() {
                        apply_names(&mut folder.safe, &names);
                    }
                    folder.done += 1;
                }
            }
            _ => {}
        }
    }

    /// The files as every program sees them now.
    pub(crate) fn now(&self) -> Image {
        let mut image = Image::new();
        self.walk(0, "", &mut image, &mut |folder| folder.now.clone(), &mut |file| {
            let mut bytes = file.safe.clone();
            file.since.iter().for_each(|(_, change)| apply(&mut bytes, change));
            bytes
        });
        image
    }

    /// The files after the power is cut now: of what is not safe, what the seed keeps.
    pub(crate) fn cut(&self, rng: &mut ChaCha8Rng, fate: &mut Fate) -> Image {
        let mut image = Image::new();
        let mood = [Mood::Nothing, Mood::Everything, Mood::UpTo, Mood::UpTo, Mood::Any, Mood::Any, Mood::Any];
        let mood = mood[rng.random_range(0..mood.len())];
        let sector = if rng.random_ratio(1, 4) { 1 } else { SECTOR };
        let mut names_fate = Fate::default();
        let mut own = Sources::of(rng);
        self.walk(
            0,
            "",
            &mut image,
            &mut |folder| names_after(folder, mood, &mut own.names, &mut names_fate),
            &mut |file| bytes_after(file, mood, sector, &mut own.bytes, fate),
        );
        fate.kept += names_fate.kept;
        fate.dropped += names_fate.dropped;
        image
    }

    fn walk(
        &self,
        at: Number,
        path: &str,
        image: &mut Image,
        names: &mut dyn FnMut(&Folder) -> BTreeMap<String, Node>,
        bytes: &mut dyn FnMut(&File) -> Vec<u8>,
    ) {
        for (name, node) in names(&self.folders[at]) {
            let path = format!("{path}/{name}");
            match node {
                Node::File(number) => {
                    image.insert(path, bytes(&self.files[number]));
                }
                Node::Folder(number) => self.walk(number, &path, image, names, bytes),
            }
        }
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Len(len) => bytes.resize(*len, 0),
        Change::Write { at, data } => put(bytes, *at, data),
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, data: &[u8]) {
    let end = at + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(data);
}

fn apply_names(to: &mut BTreeMap<String, Node>, names: &Names) {
    for (name, node) in names {
        match node {
            Some(node) => to.insert(name.clone(), *node),
            None => to.remove(name),
        };
    }
}

#[cfg(test)]
mod tests;
