//! Merkle trees, tiles, checkpoints, cosignatures, proofs and policies after C2SP.
