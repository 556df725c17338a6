//! Encrypting content: c2sp.org/chunked-encryption@v1 with HKDF-SHA-512 and AEAD_CHACHA20_POLY1305.
//!
//! The bytes are a 24-byte salt, a 32-byte commitment to key, salt and context, and chunks of 16 KiB
//! with a 16-byte tag each, the last one shorter (and present when empty), so that a cut shows. The
//! functions for whole contents release nothing before everything is authentic; who decrypts by the
//! chunk must not act on a chunk before [`Decryptor::finish`] has said that it was the whole.

use core::fmt;
use core::marker::PhantomData;

use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::array::Array;
use chacha20poly1305::aead::consts::{U12, U16};
use chacha20poly1305::aead::{AeadCore, AeadInOut, KeyInit};
use hkdf::Hkdf;
use rand::CryptoRng;
use sha2::Sha512;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

/// Length of the salt before the content, in bytes.
pub const CONTENT_SALT_BYTES: usize = 24;
/// Length of salt and commitment, in bytes.
pub const CONTENT_HEADER_BYTES: usize = CONTENT_SALT_BYTES + COMMITMENT_BYTES;
/// Length of every chunk of plaintext but the last, in bytes.
pub const CHUNK_BYTES: usize = 16 * 1024;
/// Length of every encrypted chunk but the last, in bytes.
pub const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;

const COMMITMENT_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;
const CHUNK: u64 = CHUNK_BYTES as u64;
const CHUNKS_MAX: u64 = 1 << 38;
const LABEL: &[u8] = b"c2sp.org/chunked-encryption@v1+";

/// Why content was not decrypted, or (too long) not encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// The key, the salt or the context is not the one it was encrypted with.
    #[error("content is not encrypted with this key in this context")]
    OtherKey,
    /// A chunk was changed, moved, or belongs to other content.
    #[error("content is damaged in chunk {chunk}")]
    Damaged {
        /// Which chunk, from zero.
        chunk: u64,
    },
    /// The end is missing, or the length is none that encryption gives.
    #[error("content is cut short")]
    Truncated,
    /// More than 2^38 chunks.
    #[error("content is longer than 4 PiB")]
    TooLong,
}

/// The key of one content: 32 random bytes, zeroized when dropped, never printed.
pub struct ContentKey(Zeroizing<[u8; 32]>);

impl ContentKey {
    /// Makes a new key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rng.fill_bytes(key.as_mut());
        Self(key)
    }

    /// The key of 32 bytes, which must be uniformly random.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// The 32 bytes, for sealing to recipients.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContentKey(secret)")
    }
}

/// How long the ciphertext of so many bytes is; `u64::MAX` when that does not fit.
#[must_use]
pub const fn ciphertext_len(plaintext_len: u64) -> u64 {
    let chunks = (plaintext_len / CHUNK).saturating_add(1);
    plaintext_len
        .saturating_add(chunks.saturating_mul(TAG_BYTES as u64))
        .saturating_add(CONTENT_HEADER_BYTES as u64)
}

/// Encrypts content. The salt must not repeat for a key; the same context is needed to decrypt.
///
/// # Errors
/// When it is too long.
pub fn encrypt(
    key: &ContentKey,
    salt: [u8; CONTENT_SALT_BYTES],
    context: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, ContentError> {
    encrypt_with::<ChaCha>(key, salt, context, plaintext)
}

/// Decrypts content, all of it or nothing.
///
/// # Errors
/// When the key, the context or a byte is another, or the end is missing.
pub fn decrypt(
    key: &ContentKey,
    context: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, ContentError> {
    decrypt_with::<ChaCha>(key, context, ciphertext)
}

/// Encrypts content that comes by the chunk.
pub struct Encryptor(Chunks<ChaCha>);

impl Encryptor {
    /// Begins, giving the header, which goes first. The salt must not repeat for a key.
    ///
    /// # Errors
    /// When the library underneath fails.
    pub fn new(
        key: &ContentKey,
        salt: [u8; CONTENT_SALT_BYTES],
        context: &[u8],
    ) -> Result<(Self, [u8; CONTENT_HEADER_BYTES]), ContentError> {
        let (chunks, header) = Chunks::derive(key, &salt, context)?;
        Ok((Self(chunks), header))
    }

    /// Encrypts the next full chunk; the result is 16,400 bytes.
    ///
    /// # Errors
    /// When there are too many.
    pub fn push(&mut self, chunk: &[u8; CHUNK_BYTES]) -> Result<Vec<u8>, ContentError> {
        let mut out = Vec::with_capacity(SEALED_CHUNK_BYTES);
        self.0.seal(chunk, &mut out)?;
        Ok(out)
    }

    /// Encrypts the rest, shorter than a chunk and maybe empty, and ends.
    ///
    /// # Errors
    /// When the rest is a full chunk or longer, or there were too many.
    pub fn finish(mut self, rest: &[u8]) -> Result<Vec<u8>, ContentError> {
        if rest.len() >= CHUNK_BYTES {
            return Err(ContentError::TooLong);
        }
        let mut out = Vec::with_capacity(SEALED_CHUNK_BYTES);
        self.0.seal(rest, &mut out)?;
        Ok(out)
    }
}

impl fmt::Debug for Encryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encryptor(secret, at chunk {})", self.0.next)
    }
}

/// Decrypts content that comes by the chunk. Each chunk is authentic in its place, but whether it is
/// the whole is known after [`Decryptor::finish`] only.
pub struct Decryptor(Chunks<ChaCha>);

impl Decryptor {
    /// Begins with the header.
    ///
    /// # Errors
    /// When the header does not commit to this key and context.
    pub fn new(
        key: &ContentKey,
        context: &[u8],
        header: &[u8; CONTENT_HEADER_BYTES],
    ) -> Result<Self, ContentError> {
        Chunks::open(key, context, header).map(Self)
    }

    /// Decrypts the next full chunk.
    ///
    /// # Errors
    /// When it is damaged or out of place.
    pub fn push(&mut self, chunk: &[u8; SEALED_CHUNK_BYTES]) -> Result<Zeroizing<Vec<u8>>, ContentError> {
        let mut out = Zeroizing::new(Vec::with_capacity(CHUNK_BYTES));
        self.0.unseal(chunk, &mut out)?;
        Ok(out)
    }

    /// Decrypts the last, shorter chunk and ends: what came was the whole.
    ///
    /// # Errors
    /// When it is damaged, out of place, or not the last one.
    pub fn finish(mut self, last: &[u8]) -> Result<Zeroizing<Vec<u8>>, ContentError> {
        if last.len() >= SEALED_CHUNK_BYTES {
            return Err(ContentError::Truncated);
        }
        let mut out = Zeroizing::new(Vec::with_capacity(CHUNK_BYTES));
        self.0.unseal(last, &mut out)?;
        Ok(out)
    }
}

impl fmt::Debug for Decryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decryptor(secret, at chunk {})", self.0.next)
    }
}

/// The AEAD underneath. Pouch uses one; tests run others' published vectors through the same code.
trait Suite {
    /// Its name in the IANA registry.
    const NAME: &'static [u8];
    type Aead: AeadInOut + AeadCore<NonceSize = U12, TagSize = U16> + KeyInit;
}

struct ChaCha;

impl Suite for ChaCha {
    const NAME: &'static [u8] = b"AEAD_CHACHA20_POLY1305";
    type Aead = ChaCha20Poly1305;
}

/// The derived key and the place in the sequence of chunks.
struct Chunks<S: Suite> {
    aead: S::Aead,
    base_nonce: [u8; NONCE_BYTES],
    next: u64,
    suite: PhantomData<S>,
}

impl<S: Suite> Chunks<S> {
    /// Derives key, base nonce and commitment; gives the header that says so.
    fn derive(
        key: &ContentKey,
        salt: &[u8; CONTENT_SALT_BYTES],
        context: &[u8],
    ) -> Result<(Self, [u8; CONTENT_HEADER_BYTES]), ContentError> {
        // HMAC fills a key up with zeros, so this is HKDF-Expand with the 32 bytes themselves; the
        // library wants a key as long as the hash.
        let mut prk = Zeroizing::new([0; 64]);
        prk.iter_mut().zip(key.as_bytes()).for_each(|(to, from)| *to = *from);
        let mut okm = Zeroizing::new([0; 32 + NONCE_BYTES + COMMITMENT_BYTES]);
        Hkdf::<Sha512>::from_prk(prk.as_ref())
            .map_err(|_| ContentError::OtherKey)?
            .expand_multi_info(&[LABEL, S::NAME, b"\0", salt, context], okm.as_mut())
            .map_err(|_| ContentError::OtherKey)?;

        let (secret, rest) = okm.split_at(32);
        let (nonce, commitment) = rest.split_at(NONCE_BYTES);
        let aead = S::Aead::new_from_slice(secret).map_err(|_| ContentError::OtherKey)?;
        let mut base_nonce = [0; NONCE_BYTES];
        base_nonce.copy_from_slice(nonce);
        let mut header = [0; CONTENT_HEADER_BYTES];
        header.iter_mut().zip(salt.iter().chain(commitment)).for_each(|(to, from)| *to = *from);
        Ok((Self { aead, base_nonce, next: 0, suite: PhantomData }, header))
    }

    /// Derives for a header that came, and refuses one that commits to something else.
    fn open(
        key: &ContentKey,
        context: &[u8],
        header: &[u8; CONTENT_HEADER_BYTES],
    ) -> Result<Self, ContentError> {
        let salt = header.first_chunk().ok_or(ContentError::Truncated)?;
        let (chunks, expected) = Self::derive(key, salt, context)?;
        if bool::from(expected.ct_eq(header)) { Ok(chunks) } else { Err(ContentError::OtherKey) }
    }

    /// The next chunk's number and nonce: the base nonce XOR the number, big-endian.
    fn advance(&mut self) -> Result<(u64, Array<u8, U12>), ContentError> {
        let number = self.next;
        if number >= CHUNKS_MAX {
            return Err(ContentError::TooLong);
        }
        self.next = number.saturating_add(1);
        let mut nonce = self.base_nonce;
        nonce.iter_mut().rev().zip(number.to_le_bytes()).for_each(|(to, byte)| *to ^= byte);
        Ok((number, nonce.into()))
    }

    fn seal(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), ContentError> {
        let (_, nonce) = self.advance()?;
        let start = out.len();
        out.extend_from_slice(chunk);
        let place = out.get_mut(start..).unwrap_or_default();
        let tag =
            self.aead.encrypt_inout_detached(&nonce, &[], place.into()).map_err(|_| ContentError::TooLong)?;
        out.extend_from_slice(&tag);
        Ok(())
    }

    fn unseal(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), ContentError> {
        let (number, nonce) = self.advance()?;
        let (body, tag) = chunk.split_last_chunk::<TAG_BYTES>().ok_or(ContentError::Truncated)?;
        let start = out.len();
        out.extend_from_slice(body);
        let place = out.get_mut(start..).unwrap_or_default();
        self.aead
            .decrypt_inout_detached(&nonce, &[], place.into(), &(*tag).into())
            .map_err(|_| ContentError::Damaged { chunk: number })
    }
}

impl<S: Suite> Drop for Chunks<S> {
    fn drop(&mut self) {
        // The cipher zeroizes its own key.
        self.base_nonce.zeroize();
    }
}

fn encrypt_with<S: Suite>(
    key: &ContentKey,
    salt: [u8; CONTENT_SALT_BYTES],
    context: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, ContentError> {
    let (mut chunks, header) = Chunks::<S>::derive(key, &salt, context)?;
    let len = u64::try_from(plaintext.len()).map_err(|_| ContentError::TooLong)?;
    let len = usize::try_from(ciphertext_len(len)).map_err(|_| ContentError::TooLong)?;
    let mut out = Vec::with_capacity(len);
    out.extend_from_slice(&header);
    let mut full = plaintext.chunks_exact(CHUNK_BYTES);
    for chunk in full.by_ref() {
        chunks.seal(chunk, &mut out)?;
    }
    chunks.seal(full.remainder(), &mut out)?;
    Ok(out)
}

fn decrypt_with<S: Suite>(
    key: &ContentKey,
    context: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, ContentError> {
    let (header, body) = ciphertext.split_first_chunk().ok_or(ContentError::Truncated)?;
    let mut chunks = Chunks::<S>::open(key, context, header)?;
    // Reserved for what is here, not for what a peer says, and large enough never to move.
    let mut out = Zeroizing::new(Vec::with_capacity(body.len()));
    let mut full = body.chunks_exact(SEALED_CHUNK_BYTES);
    for chunk in full.by_ref() {
        chunks.unseal(chunk, &mut out)?;
    }
    chunks.unseal(full.remainder(), &mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests;
