//! A moment that a person writes into a notice: RFC 3339 in a draft, milliseconds UTC on the wire.
//!
//! It reads no clock and knows no time zones: a time without its offset is refused, because a reader in
//! another country would take it for another hour.

use core::fmt;
use core::str::FromStr;

use pouch_wire::Timestamp;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment, shown as `2026-11-24T02:30:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub Timestamp);

/// A text that is no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a time with its offset; write it like 2026-11-24T02:30:00Z or 2026-11-24T03:30:00+01:00")]
pub struct NotAMoment;

impl FromStr for Moment {
    type Err = NotAMoment;
    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        let plain = text.len() <= 40 && text.bytes().all(|b| b.is_ascii_digit() || b"-:.+TtZz ".contains(&b));
        let time: jiff::Timestamp = text.parse().map_err(|_| NotAMoment)?;
        let millis = u64::try_from(time.as_millisecond()).map_err(|_| NotAMoment)?;
        if plain { Ok(Self(Timestamp(millis))) } else { Err(NotAMoment) }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = i64::try_from(self.0.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        match time {
            Some(time) => write!(f, "{time}"),
            None => write!(f, "{} ms since 1970", self.0.0),
        }
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(self);
        }
        self.0.serialize(serializer)
    }
}

struct MomentVisitor;

impl<'de> Visitor<'de> for MomentVisitor {
    type Value = Moment;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time like 2026-11-24T02:30:00Z")
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Moment, E> {
        text.parse().map_err(E::custom)
    }
    /// TOML's own times, written without quotes.
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Moment, A::Error> {
        let time = toml::value::Datetime::deserialize(MapAccessDeserializer::new(map))?;
        time.to_string().parse().map_err(A::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return deserializer.deserialize_any(MomentVisitor);
        }
        Timestamp::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_in_utc_whatever_offset_it_was_written_with() {
        let moment: Moment = "2026-11-24T03:30:00+01:00".parse().unwrap();
        assert_eq!(moment.to_string(), "2026-11-24T02:30:00Z");
        assert_eq!(moment, "2026-11-24T02:30:00Z".parse().unwrap());
    }

    #[test]
    fn a_time_without_offset_or_with_words_is_no_moment() {
        for text in [
            "",
            "tomorrow",
            "2026-11-24",
            "2026-11-24T02:30:00",
            "2026-11-24T25:30:00Z",
            "2026-02-30T02:30:00Z",
            "1969-12-31T23:59:59Z",
            "2026-11-24T02:30:00+01:00[Europe/Vienna]",
            "2026-11-24T02:30:00Z\u{202e}",
        ] {
            assert_eq!(text.parse::<Moment>(), Err(NotAMoment), "{text}");
        }
    }
}
