//! Only a key that fits makes an arrived message an opened one.

use pouch_envelope::Arrived;
use pouch_notice::{Content, Opened, StanzaSecret};

fn make(arrived: Arrived, secret: StanzaSecret, content: Content) -> Opened {
    Opened { arrived, secret, content, carried: None }
}

fn main() {}
