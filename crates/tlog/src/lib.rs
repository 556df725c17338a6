//! Transparency logs after C2SP: trees, tiles, checkpoints, cosignatures, proofs and policies.
//!
//! Mathematics only: nothing here reads a file, a socket or a clock. What is written here is read by
//! verifiers that know nothing of this code, so every format follows its C2SP page byte for byte.

mod accept;
mod checkpoint;
mod cosignature;
mod hashes;
mod hearsay;
mod key_name;
mod memory_tree;
mod note;
mod policy;
mod policy_text;
mod proof;
mod proof_file;
mod self_check;
mod text;
mod tile;
mod tree;
mod vkey;
mod witness;

pub use accept::{AcceptError, AcceptedCheckpoint, FORKS_KEPT, Fork, LastAccepted};
pub use checkpoint::{BothSigned, Checkpoint, CheckpointError, LogError, LogSigner, LogVerifier};
pub use cosignature::{BadNoteSignature, SignError, WitnessSigner};
pub use hashes::{
    EntryReader, HashReader, TileHashError, TileReader, TiledHashes, Unprovable, consistency, inclusion,
    root_at,
};
pub use hearsay::{Citation, Compared, Heard, Hearsay, Overdue};
pub use key_name::{BadKeyName, KeyName, NoteKeyId};
pub use memory_tree::{MemoryTree, NoSuchHash};
pub use note::{Note, NoteError, NoteSignature};
pub use policy::{NetworkWitness, Policy, PolicyError, PolicyMet};
pub use policy_text::{PolicyDefect, PolicyTextError};
pub use proof::{Inclusion, PROOF_HASHES_MAX, ProofError, verify_consistency, verify_inclusion};
pub use proof_file::{ProofFile, ProofFileError, ProofFileRefused};
pub use self_check::{SelfCheckError, SelfChecked, self_check};
pub use tile::{
    BundleCoord, EntryBundle, TILE_WIDTH, TileCoord, TileError, full_tile_root, new_bundles, new_tiles,
    parse_tile, print_tile, tile_of,
};
pub use tree::{BadFrontier, Frontier, LeafHash, empty_root, node_hash};
pub use vkey::{SignatureKind, VerifierKey, VkeyError};
pub use witness::{AddCheckpoint, AddCheckpointError, KnownLog, WitnessRefusal, WitnessState};
