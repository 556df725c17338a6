//! What a decoder may take of memory: nothing for what a stranger only says is coming.

use peak_alloc::PeakAlloc;
use pouch_directory::{Charter, CharterFile, SignedCharter, SignedStatement, Statement};
use pouch_envelope::{AcceptedReceipt, Arrived, Header, MessageLeaf, SignatureRecord, SignedReceipt, Stanza};
use pouch_notice::{
    Content, CourierFile, EvidenceFile, JointFile, Notice, RecipientReceipt, SealedOut, SignedNotice,
};
use pouch_wire::{Canonical, session as s};

/// Decodes bytes as everything that strangers send, and that is handed on as they sent it. With [`PeakAlloc`] as the program's
/// allocator and one thread, it takes at no time more memory than four times the bytes and 64 KiB.
pub fn codec_memory(data: &[u8]) {
    within::<Header>(data);
    within::<Stanza>(data);
    within::<AcceptedReceipt>(data);
    within::<SignedReceipt>(data);
    within::<MessageLeaf>(data);
    within::<SignatureRecord>(data);
    within::<Charter>(data);
    within::<SignedCharter>(data);
    within::<CharterFile>(data);
    within::<Statement>(data);
    within::<SignedStatement>(data);
    within::<Notice>(data);
    within::<SignedNotice>(data);
    within::<Content>(data);
    within::<EvidenceFile>(data);
    within::<JointFile>(data);
    within::<RecipientReceipt>(data);
    within::<SealedOut>(data);
    within::<CourierFile>(data);
    within::<s::Submit>(data);
    within::<s::Deliver>(data);
    within::<s::Refused>(data);
    within::<s::LogEntries>(data);
    within::<s::Proof>(data);
    within::<s::Publish>(data);
    within::<s::Cosign>(data);
    within::<s::Cosigned>(data);
    within::<s::Consistency>(data);
    within::<s::Beacon>(data);
    within::<s::BeaconFor>(data);
    measured("arrival", data, || drop(Arrived::from_bytes(data)));
}

fn within<T: Canonical>(data: &[u8]) {
    measured(T::NAME, data, || drop(T::from_bytes(data)));
}

fn measured(name: &str, data: &[u8], decode: impl FnOnce()) {
    let before = PeakAlloc.current_usage();
    PeakAlloc.reset_peak_usage();
    decode();
    let peak = PeakAlloc.peak_usage().saturating_sub(before);
    let most = data.len() * 4 + 64 * 1024;
    assert!(peak <= most, "{name}: {peak} bytes for an input of {}, at most {most}", data.len());
}
