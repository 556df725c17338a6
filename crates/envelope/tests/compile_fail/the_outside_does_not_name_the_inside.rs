//! A relay carries what it cannot read: there is no type of a notice's for it to name.

use pouch_notice::Opened;

fn read(opened: &Opened) {}

fn main() {}
