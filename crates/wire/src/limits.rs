//! Every limit, by name, with its reason. Crossing one is a typed refusal, never a truncation.

/// Longest member code (institutions have up to eight capitals).
pub const MEMBER_BYTES: usize = 8;
/// Longest office name.
pub const OFFICE_BYTES: usize = 24;
/// Largest statement of the directory, signatures included.
pub const STATEMENT_BYTES: usize = 16 * 1024;
/// Largest entry of a log: C2SP entry bundles write the length in two bytes.
pub const ENTRY_BYTES: usize = 65_535;
/// Largest charter with its signatures; it is entry 0 of the directory log.
pub const CHARTER_BYTES: usize = 60 * 1024;
/// Largest charter file: the charter and the founders' first statements.
pub const CHARTER_FILE_BYTES: usize = 4 * 1024 * 1024;
/// Most founding members of a network.
pub const FOUNDERS: usize = 64;
/// Most relays of a network.
pub const RELAYS: usize = 64;
/// Most witnesses of a network.
pub const WITNESSES: usize = 32;
/// Largest header: 256 recipients at about 70 bytes each, with room.
pub const HEADER_BYTES: usize = 32 * 1024;
/// Largest stanza: X-Wing's 1,120 bytes and a short ciphertext.
pub const STANZA_BYTES: usize = 2 * 1024;
/// Largest notice with its signatures, without attachments.
pub const NOTICE_BYTES: usize = 256 * 1024;
/// Largest envelope payload (encrypted notice, attachments, padding).
pub const PAYLOAD_BYTES: usize = 64 * 1024 * 1024;
/// Most recipients of one message.
pub const RECIPIENTS: usize = 256;
/// Most attachments of one notice.
pub const ATTACHMENTS: usize = 32;
/// Longest body of one frame: large payloads travel in pieces of this size, so that a flash
/// message waits for one piece at most.
pub const FRAME_BYTES: usize = 64 * 1024;
/// Longest head of a submission or delivery: a header, a signature and the stanzas.
pub const HEAD_BYTES: usize = HEADER_BYTES + RECIPIENTS * STANZA_BYTES + 1024;
/// Most entries of a log in one answer.
pub const LOG_ENTRIES: usize = 256;
/// Largest checkpoint note: two log signatures and two cosignatures of up to 32 witnesses.
pub const CHECKPOINT_BYTES: usize = 160 * 1024;
/// Largest receipt.
pub const RECEIPT_BYTES: usize = 16 * 1024;
/// Largest evidence file without attachments' bytes.
pub const EVIDENCE_BYTES: usize = 4 * 1024 * 1024;
/// Most sealing keys that an office has in one environment, counting each until a week after its end. A
/// node makes one a day, up to 14 days ahead: that is 22, and the rest is for nodes that begin anew.
pub const PREKEYS_OF_OFFICE: usize = 32;
/// Longest life of a message, from `created` to `not_after`.
pub const LIFE_MS_MAX: u64 = 30 * 24 * 3600 * 1000;
/// How far two honest clocks may differ.
pub const CLOCK_SKEW_MS_MAX: u64 = 120 * 1000;
/// Smallest padded plaintext; Padmé rounds up from here.
pub const PADDED_BYTES_MIN: usize = 4 * 1024;
/// Largest answer to a request for log entries; fewer entries come when they would be more.
pub const LOG_ANSWER_BYTES: usize = 1024 * 1024;
/// Most hashes in an inclusion or consistency proof (a tree of 2^63 leaves, both directions).
pub const PROOF_HASHES: usize = 128;
/// Most signature lines in a note: two of the log and two of each of 32 witnesses, with room for others'.
pub const NOTE_SIGNATURES: usize = 100;
/// Most logs, most witness keys and most groups of a policy: 32 witnesses with two keys each, and the
/// log's own ML-DSA-44 key among them.
pub const POLICY_ENTRIES: usize = 65;
/// Largest policy file: 130 ML-DSA-44 keys with names, URLs and comments.
pub const POLICY_BYTES: usize = 1024 * 1024;
/// How long messages under way may carry a signature of a key that was rotated out (not revoked).
pub const SUPERSEDED_GRACE_MS: u64 = 24 * 3600 * 1000;
/// The same for beacons: a node that has not heard in ten minutes that its key was replaced has no relay, and
/// whoever has the old key must not speak for the office meanwhile.
pub const BEACON_SUPERSEDED_GRACE_MS: u64 = 10 * 60 * 1000;
/// Largest beacon, without its leaves and signature.
pub const BEACON_BYTES: usize = 512;
/// Most contact points that one beacon speaks to.
pub const BEACON_PEERS: usize = 1024;
/// How far apart a node's beacons are, at least and at most.
pub const BEACON_EVERY_S: core::ops::RangeInclusive<u16> = 10..=60;
/// Largest courier file: one message of the largest kind with room for the directory, and, in base64, within
/// one line of the local API.
pub const COURIER_BYTES: usize = PAYLOAD_BYTES + 4 * 1024 * 1024;
/// Most messages of a courier file.
pub const COURIER_MESSAGES: usize = 256;
/// Most entries of the directory in a courier file.
pub const COURIER_ENTRIES: usize = 65_536;
