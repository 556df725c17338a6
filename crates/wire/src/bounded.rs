//! Containers that cannot hold more than their type says, in memory or on the wire.
//!
//! Each refuses on construction and while decoding, element by element, before it grows.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value does not fit its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutOfBounds {
    /// More elements or bytes than allowed.
    #[error("{len} where at most {max} are allowed")]
    TooMany {
        /// How many there are.
        len: usize,
        /// How many there may be.
        max: usize,
    },
    /// A set's members are not in strictly rising order.
    #[error("members are not sorted and unique")]
    Unsorted,
    /// A text holds a character that it may not hold.
    #[error("control character in text")]
    ControlCharacter,
}

fn within(len: usize, max: usize) -> Result<(), OutOfBounds> {
    if len > max { Err(OutOfBounds::TooMany { len, max }) } else { Ok(()) }
}

/// UTF-8 text of at most `MAX` bytes, without control characters other than newline and tab.
///
/// Bidirectional and invisible characters are kept (they are signed bytes) and made visible where
/// text is shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// Takes a text.
    ///
    /// # Errors
    /// When it is too long or holds a control character.
    pub fn new(text: impl Into<String>) -> Result<Self, OutOfBounds> {
        let text = text.into();
        within(text.len(), MAX)?;
        if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            return Err(OutOfBounds::ControlCharacter);
        }
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> Deref for Text<MAX> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> TryFrom<&str> for Text<MAX> {
    type Error = OutOfBounds;
    fn try_from(text: &str) -> Result<Self, OutOfBounds> {
        Self::new(text)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, |text| Self::new(text))
    }
}

struct TextVisitor<F>(F);

impl<T, E: fmt::Display, F: FnOnce(&str) -> Result<T, E>> Visitor<'_> for TextVisitor<F> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_str<D: serde::de::Error>(self, text: &str) -> Result<T, D> {
        (self.0)(text).map_err(D::custom)
    }
}

/// Reads a text where it stands. The codec would make an owned one of the length that a peer claims
/// before it looks whether so much has come.
pub(crate) fn read_text<'de, D: Deserializer<'de>, T, E: fmt::Display>(
    deserializer: D,
    make: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, D::Error> {
    deserializer.deserialize_str(TextVisitor(make))
}

/// At most `MAX` bytes. `Debug` shows the length alone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Blob<const MAX: usize>(Vec<u8>);

impl<const MAX: usize> Blob<MAX> {
    /// Takes bytes.
    ///
    /// # Errors
    /// When there are too many.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, OutOfBounds> {
        let bytes = bytes.into();
        within(bytes.len(), MAX)?;
        Ok(Self(bytes))
    }

    /// The bytes, owned.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }
}

impl<const MAX: usize> Deref for Blob<MAX> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> fmt::Debug for Blob<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl<const MAX: usize> Serialize for Blob<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

struct BlobVisitor<const MAX: usize>;

impl<'de, const MAX: usize> Visitor<'de> for BlobVisitor<MAX> {
    type Value = Blob<MAX>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {MAX} bytes")
    }
    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        within(bytes.len(), MAX).map_err(E::custom)?;
        Ok(Blob(bytes.to_vec()))
    }
    fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Self::Value, E> {
        Blob::new(bytes).map_err(E::custom)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Blob<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(BlobVisitor::<MAX>)
    }
}

/// Exactly `N` bytes, without a length on the wire. `Debug` and JSON show them in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fixed<const N: usize>(pub [u8; N]);

impl<const N: usize> AsRef<[u8]> for Fixed<N> {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> fmt::Debug for Fixed<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl<const N: usize> Serialize for Fixed<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.serialize_str(&hex::encode(self.0));
        }
        let mut tuple = serializer.serialize_tuple(N)?;
        for byte in &self.0 {
            tuple.serialize_element(byte)?;
        }
        tuple.end()
    }
}

struct FixedVisitor<const N: usize>;

impl<'de, const N: usize> Visitor<'de> for FixedVisitor<N> {
    type Value = Fixed<N>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{N} bytes")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut out = [0; N];
        for byte in &mut out {
            *byte = seq.next_element()?.ok_or_else(|| A::Error::custom("cut short"))?;
        }
        Ok(Fixed(out))
    }
}

impl<'de, const N: usize> Deserialize<'de> for Fixed<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let mut out = [0; N];
            hex::decode_to_slice(String::deserialize(deserializer)?, &mut out).map_err(D::Error::custom)?;
            return Ok(Self(out));
        }
        deserializer.deserialize_tuple(N, FixedVisitor::<N>)
    }
}

/// At most `MAX` values, in their order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct List<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> List<T, MAX> {
    /// Takes values.
    ///
    /// # Errors
    /// When there are too many.
    pub fn new(values: impl Into<Vec<T>>) -> Result<Self, OutOfBounds> {
        let values = values.into();
        within(values.len(), MAX)?;
        Ok(Self(values))
    }

    /// The values, owned.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> Deref for List<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T, const MAX: usize> IntoIterator for &'a List<T, MAX> {
    type Item = &'a T;
    type IntoIter = core::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

struct ListVisitor<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for ListVisitor<T, MAX> {
    type Value = List<T, MAX>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {MAX} values")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        if let Some(len) = seq.size_hint() {
            within(len, MAX).map_err(A::Error::custom)?;
        }
        // Grows with what really came; a peer's count reserves nothing.
        let mut values = Vec::new();
        while let Some(value) = seq.next_element()? {
            within(values.len().saturating_add(1), MAX).map_err(A::Error::custom)?;
            values.push(value);
        }
        Ok(List(values))
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor::<T, MAX>(PhantomData))
    }
}

/// At most `MAX` distinct values in strictly rising order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Set<T, const MAX: usize>(List<T, MAX>);

impl<T: Ord, const MAX: usize> Set<T, MAX> {
    /// Sorts values into a set; repeated ones are kept once.
    ///
    /// # Errors
    /// When there are too many.
    pub fn new(values: impl IntoIterator<Item = T>) -> Result<Self, OutOfBounds> {
        let mut values: Vec<T> = values.into_iter().collect();
        values.sort();
        values.dedup();
        Ok(Self(List::new(values)?))
    }

    /// Whether the value is a member.
    #[must_use]
    pub fn has(&self, value: &T) -> bool {
        self.0.binary_search(value).is_ok()
    }
}

impl<T, const MAX: usize> Default for Set<T, MAX> {
    fn default() -> Self {
        Self(List::default())
    }
}

impl<T, const MAX: usize> Deref for Set<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T, const MAX: usize> IntoIterator for &'a Set<T, MAX> {
    type Item = &'a T;
    type IntoIter = core::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'de, T: Deserialize<'de> + Ord, const MAX: usize> Deserialize<'de> for Set<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = List::<T, MAX>::deserialize(deserializer)?;
        let rising = list.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
        if rising { Ok(Self(list)) } else { Err(D::Error::custom(OutOfBounds::Unsorted)) }
    }
}
