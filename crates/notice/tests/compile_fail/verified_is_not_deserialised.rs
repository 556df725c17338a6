//! Nor does any other format bring one back.

use pouch_notice::{Notice, Verified};

fn read<T: serde::de::DeserializeOwned>() {}

fn main() {
    read::<Verified<Notice>>();
}
