//! The outside of a message: header, stanza, receipt, record, and what a recipient keeps of an arrival.

use pouch_crypto::{Signature, sha256};
use pouch_envelope::{
    AcceptedReceipt, Arrived, Beacon, BeaconLeaf, Header, Malformed, MessageLeaf, SealedHead,
    SignatureRecord, SignedReceipt, Stanza,
};
use pouch_wire::Fixed;

use super::canonical::canonical;

/// Decoding gives the one value whose bytes these are, or refuses; an arrival is one whose header names
/// its recipient, its stanza and its payload.
pub fn envelope_decode(data: &[u8]) {
    if let Some(header) = canonical::<Header>(data) {
        let head = SealedHead::parse(data, Signature(Fixed([0; 64])), Vec::new());
        assert!(head.is_err(), "a header of {} recipients without stanzas", header.recipients.len());
    }
    canonical::<Stanza>(data);
    canonical::<AcceptedReceipt>(data);
    canonical::<SignedReceipt>(data);
    canonical::<MessageLeaf>(data);
    canonical::<Beacon>(data);
    canonical::<BeaconLeaf>(data);
    if let Some(record) = canonical::<SignatureRecord>(data) {
        assert_eq!(record.leaf().envelope, Header::id_of(&record.header));
    }
    match Arrived::from_bytes(data) {
        Ok(arrived) => {
            assert_eq!(arrived.to_bytes().as_deref(), Ok(data));
            let named =
                arrived.header().recipients.iter().filter(|a| a.contact_point == *arrived.recipient());
            assert_eq!(named.count(), 1);
            assert_eq!(arrived.header().payload_len, arrived.payload().len() as u64);
            assert_eq!(arrived.header().payload_digest, sha256(arrived.payload()));
        }
        Err(refused) => assert_ne!(refused, Malformed::NoRecipient, "an arrival is refused as one"),
    }
}
