//! What a courier brings: any bytes from a stick that anybody may have held.

use pouch_notice::{CourierFile, CourierRefused};
use pouch_wire::{ContactPoint, limits};

use super::canonical::canonical;
use super::directory;

/// A file is the one that is written of what it holds, or refused for a reason that fits; what it holds is
/// handed over whole or not at all.
pub fn courier_file(data: &[u8]) {
    let network = directory::world().directory.network();
    match CourierFile::from_file(data, network) {
        Ok(file) => {
            assert_eq!(file.to_file().as_deref(), Ok(data), "what was read is what is written");
            handed_over(&file);
        }
        Err(CourierRefused::OtherFile) => assert!(!data.starts_with(b"pouch courier\0\0\0")),
        Err(CourierRefused::OtherNetwork(other)) => assert_ne!(other, network),
        Err(CourierRefused::TooLarge) => assert!(data.len() > limits::COURIER_BYTES),
        Err(_) => assert!(data.starts_with(b"pouch courier\0\0\0")),
    }
    // Without its cover: a fuzzer makes no digests.
    if let Some(content) = canonical::<CourierFile>(data) {
        let written = content.to_file().unwrap();
        assert_eq!(CourierFile::from_file(&written, content.network()).as_ref(), Ok(&content));
        handed_over(&content);
    }
}

fn handed_over(file: &CourierFile) {
    assert!(file.messages().len() <= limits::COURIER_MESSAGES);
    for sealed in file.messages() {
        for office in ["MD/technical", "BA/technical", "NL/technical"] {
            let office: ContactPoint = office.parse().unwrap();
            if let Ok(arrived) = sealed.as_delivered(&office, &[]) {
                assert_eq!((arrived.id(), arrived.recipient()), (sealed.id(), &office));
                assert!(arrived.receipt().is_empty() && arrived.payload() == sealed.payload());
            }
        }
    }
}
