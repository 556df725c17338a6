//! What POSIX promises of a small disk, and what it does not.

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
