//! A disk as POSIX promises it: what waits for no sync may be there after a power cut, or not, or in part.
//!
//! Contents and names are two things. A file's bytes are safe when *it* was synced; that it has a name at all
//! is safe when its *folder* was synced. What is not safe yet is kept in the order in which it happened, and a
//! crash keeps any part of it. Nothing here knows which file system would have been kinder.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rand::{Rng as _, RngExt as _};
use rand_chacha::ChaCha8Rng;

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
        let mut own = ChaChaPair::of(rng);
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

/// Two sources, so that names and bytes do not take turns at one.
struct ChaChaPair {
    names: ChaCha8Rng,
    bytes: ChaCha8Rng,
}

impl ChaChaPair {
    fn of(rng: &mut ChaCha8Rng) -> Self {
        use rand::SeedableRng as _;
        Self {
            names: ChaCha8Rng::seed_from_u64(rng.next_u64()),
            bytes: ChaCha8Rng::seed_from_u64(rng.next_u64()),
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

fn names_after(folder: &Folder, mood: Mood, rng: &mut ChaCha8Rng, fate: &mut Fate) -> BTreeMap<String, Node> {
    let mut names = folder.safe.clone();
    let up_to = rng.random_range(0..=folder.since.len());
    for (number, (_, change)) in folder.since.iter().enumerate() {
        if keeps(mood, number < up_to, rng) {
            apply_names(&mut names, change);
            fate.kept += 1;
        } else {
            fate.dropped += 1;
        }
    }
    names
}

fn keeps(mood: Mood, before: bool, rng: &mut ChaCha8Rng) -> bool {
    match mood {
        Mood::Nothing => false,
        Mood::Everything => true,
        Mood::UpTo => before,
        Mood::Any => rng.random_bool(0.5),
    }
}

fn bytes_after(file: &File, mood: Mood, sector: usize, rng: &mut ChaCha8Rng, fate: &mut Fate) -> Vec<u8> {
    let mut bytes = file.safe.clone();
    let up_to = rng.random_range(0..=file.since.len());
    for (number, (_, change)) in file.since.iter().enumerate() {
        let tears = match mood {
            Mood::UpTo => number == up_to,
            Mood::Any => rng.random_ratio(1, 3),
            Mood::Nothing | Mood::Everything => false,
        };
        match change {
            Change::Write { at, data } if tears && data.len() > sector => {
                tear(&mut bytes, *at, data, sector, rng);
                fate.torn += 1;
            }
            change if keeps(mood, number < up_to, rng) => {
                apply(&mut bytes, change);
                fate.kept += 1;
            }
            _ => fate.dropped += 1,
        }
    }
    bytes
}

/// A beginning of it, an end of it, or sectors here and there. Where the file grew and nothing was written,
/// there may be zeros, or whatever lay on the disk before.
fn tear(bytes: &mut Vec<u8>, at: usize, data: &[u8], sector: usize, rng: &mut ChaCha8Rng) {
    let old = bytes.len();
    let cut = rng.random_range(1..data.len().div_ceil(sector)) * sector;
    match rng.random_range(0..3) {
        0 => put(bytes, at, &data[..cut]),
        1 => put(bytes, at + cut, &data[cut..]),
        _ => {
            for (number, part) in data.chunks(SECTOR.max(sector)).enumerate() {
                if rng.random_bool(0.5) {
                    put(bytes, at + number * SECTOR.max(sector), part);
                }
            }
        }
    }
    if rng.random_ratio(1, 4) && at >= old && cut < data.len() {
        let end = (at + data.len()).max(bytes.len());
        bytes.resize(end, 0);
        rng.fill_bytes(&mut bytes[at + cut..at + data.len()]);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng as _;

    use super::*;

    const ALL: Syncs = Syncs { files: true, folders: true };

    fn sync(disk: &mut Disk, path: &str, when: usize) {
        let wait = disk.waits(path, when).unwrap();
        disk.waited(wait);
    }

    fn after(disk: &Disk) -> BTreeSet<Option<Vec<u8>>> {
        let cut =
            |seed| disk.cut(&mut ChaCha8Rng::seed_from_u64(seed), &mut Fate::default()).get("/d/f").cloned();
        (0..300).map(cut).collect()
    }

    #[test]
    fn a_file_that_was_synced_in_a_folder_that_was_not_may_be_gone() {
        let mut disk = Disk::new(ALL);
        disk.open("/d/f", true, false, 1);
        disk.write("/d/f", 0, b"x", 2);
        sync(&mut disk, "/d/f", 3);
        assert_eq!(after(&disk), [None, Some(b"x".to_vec())].into());
        sync(&mut disk, "/d", 4);
        assert_eq!(after(&disk), [Some(b"x".to_vec())].into());
    }

    #[test]
    fn a_name_that_was_synced_does_not_bring_the_bytes() {
        let mut disk = Disk::new(ALL);
        disk.open("/d/f", true, false, 1);
        disk.write("/d/f", 0, b"x", 2);
        sync(&mut disk, "/d", 3);
        assert_eq!(after(&disk), [Some(Vec::new()), Some(b"x".to_vec())].into());
    }

    #[test]
    fn a_renamed_file_has_its_old_or_its_new_content_and_never_none() {
        let mut disk = Disk::new(ALL);
        disk.open("/d/f", true, false, 1);
        disk.write("/d/f", 0, b"old", 2);
        sync(&mut disk, "/d/f", 3);
        sync(&mut disk, "/d", 3);
        disk.open("/d/f.new", true, true, 4);
        disk.write("/d/f.new", 0, b"new", 5);
        sync(&mut disk, "/d/f.new", 6);
        disk.rename("/d/f.new", "/d/f", 7);
        assert_eq!(after(&disk), [Some(b"old".to_vec()), Some(b"new".to_vec())].into());
        sync(&mut disk, "/d", 8);
        assert_eq!(after(&disk), [Some(b"new".to_vec())].into());
        assert_eq!(disk.now().len(), 1);
    }

    #[test]
    fn a_wait_covers_what_was_over_when_it_began_and_nothing_later() {
        let mut disk = Disk::new(ALL);
        disk.write("/d/f", 0, b"1", 1);
        disk.write("/d/f", 1, b"2", 9);
        let wait = disk.waits("/d/f", 5).unwrap();
        disk.write("/d/f", 2, b"3", 6);
        disk.waited(wait);
        let left = after(&disk);
        assert!(left.iter().all(|bytes| bytes.as_ref().is_some_and(|bytes| bytes[0] == b'1')), "{left:?}");
        assert!(left.contains(&Some(b"1".to_vec())) && left.contains(&Some(b"123".to_vec())));
    }

    #[test]
    fn what_waits_is_kept_dropped_and_torn_at_sectors_and_at_bytes() {
        let mut disk = Disk::new(ALL);
        disk.open("/d/f", true, false, 1);
        sync(&mut disk, "/d", 1);
        disk.write("/d/f", 0, &[7; 4096], 2);
        let left = after(&disk);
        let ends: BTreeSet<usize> =
            left.iter().flatten().filter(|bytes| bytes.iter().all(|byte| *byte == 7)).map(Vec::len).collect();
        assert!(ends.contains(&0) && ends.contains(&4096), "{ends:?}");
        assert!(ends.iter().any(|len| len % SECTOR == 0 && *len % 4096 != 0), "{ends:?}");
        assert!(ends.iter().any(|len| len % SECTOR != 0), "{ends:?}");
    }

    #[test]
    fn a_control_without_syncs_keeps_nothing_for_sure() {
        for (syncs, gone) in
            [(Syncs { files: false, ..ALL }, Some(Vec::new())), (Syncs { folders: false, ..ALL }, None)]
        {
            let mut disk = Disk::new(syncs);
            disk.open("/d/f", true, false, 1);
            disk.write("/d/f", 0, b"x", 2);
            sync(&mut disk, "/d/f", 3);
            sync(&mut disk, "/d", 3);
            assert!(after(&disk).contains(&gone));
        }
    }
}
