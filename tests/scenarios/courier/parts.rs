//! A courier file taken apart and put together otherwise, as whoever holds the stick can.

use pouch_notice::{CourierFile, Excerpt, SealedOut};
use pouch_wire::{Blob, Canonical as _, Fixed, List, NetworkId, limits};
use serde::{Deserialize, Serialize};

use crate::hostile::Parcel;

/// The parts of a sealed message.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Parts {
    pub(super) header: Blob<{ limits::HEADER_BYTES }>,
    pub(super) signature: Fixed<64>,
    pub(super) stanzas: List<Blob<{ limits::STANZA_BYTES }>, { limits::RECIPIENTS }>,
    pub(super) payload: Blob<{ limits::PAYLOAD_BYTES }>,
}
pouch_wire::canonical!(Parts, "parts", limits::PAYLOAD_BYTES + limits::HEAD_BYTES);

impl Parts {
    pub(super) fn of(sealed: &SealedOut) -> Self {
        Self::from_bytes(&sealed.to_bytes().unwrap()).unwrap()
    }

    pub(super) fn of_parcel(parcel: &Parcel) -> Self {
        let submit = parcel.submit();
        let payload = Blob::new(parcel.payload.clone()).unwrap();
        Self { header: submit.header, signature: submit.signature, stanzas: submit.stanzas, payload }
    }

    pub(super) fn sealed(&self) -> SealedOut {
        SealedOut::from_bytes(&self.to_bytes().unwrap()).unwrap()
    }
}

pub(super) fn read(path: &str, network: NetworkId) -> CourierFile {
    CourierFile::from_file(&std::fs::read(path).unwrap(), network).unwrap()
}

pub(super) fn write(path: &str, network: NetworkId, directory: Option<Excerpt>, messages: Vec<SealedOut>) {
    let file = CourierFile::new(network, directory, messages).unwrap();
    std::fs::write(path, file.to_file().unwrap()).unwrap();
}
