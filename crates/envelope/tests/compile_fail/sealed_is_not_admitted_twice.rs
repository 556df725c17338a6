//! Admission consumes what it judges.

use pouch_directory::Directory;
use pouch_envelope::SealedHead;
use pouch_wire::{ContactPoint, Timestamp};

fn again(head: SealedHead, session: &ContactPoint, directory: &Directory, now: Timestamp) {
    let _first = head.admit(session, directory, now);
    let _second = head.admit(session, directory, now);
}

fn main() {}
