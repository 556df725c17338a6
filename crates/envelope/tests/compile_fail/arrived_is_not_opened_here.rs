//! Nothing here opens a message, even for who has the key.

use pouch_crypto::PrekeySecret;
use pouch_envelope::Arrived;

fn open(arrived: Arrived, key: &PrekeySecret) {
    arrived.open(key);
}

fn main() {}
