//! The numbers with which sessions and streams end. They are part of the protocol.

use core::fmt;

use quinn::VarInt;

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $number:literal, $word:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)*
            /// A number that this version gives no meaning.
            Other(u64),
        }

        impl $name {
            /// The number on the wire.
            #[must_use]
            pub const fn number(self) -> u64 {
                match self {
                    $(Self::$variant => $number,)*
                    Self::Other(number) => number,
                }
            }

            /// What a number means.
            #[must_use]
            pub const fn from_number(number: u64) -> Self {
                match number {
                    $($number => Self::$variant,)*
                    other => Self::Other(other),
                }
            }

            pub(crate) fn varint(self) -> VarInt {
                VarInt::from_u64(self.number()).unwrap_or(VarInt::MAX)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant => f.write_str($word),)*
                    Self::Other(number) => write!(f, "code {number}"),
                }
            }
        }
    };
}

codes! {
    /// Why a session was closed.
    CloseCode {
        /// Nothing is left to say.
        Done = 0, "done";
        /// The program stops; come back later.
        ShuttingDown = 1, "shutting down";
        /// The peer broke the protocol.
        Protocol = 2, "protocol broken";
        /// A newer session of the same party took its place.
        Replaced = 3, "replaced by a newer session";
        /// The directory does not know the key any more.
        NoLongerKnown = 4, "key no longer known";
        /// Too many sessions, or too much work.
        Busy = 5, "busy";
    }
}

codes! {
    /// Why one direction of a stream was cut off.
    ResetCode {
        /// Nothing more is needed on this stream.
        Done = 0, "done";
        /// Whoever used the stream gave it up before it was complete.
        Abandoned = 1, "abandoned";
        /// The peer broke the protocol on this stream.
        Protocol = 2, "protocol broken";
        /// It took too long.
        TooSlow = 3, "too slow";
        /// The request was refused; the answer says why.
        Refused = 4, "refused";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for number in 0..8 {
            assert_eq!(CloseCode::from_number(number).number(), number);
            assert_eq!(ResetCode::from_number(number).number(), number);
        }
        assert_eq!(CloseCode::from_number(5), CloseCode::Busy);
        assert_eq!(CloseCode::from_number(6), CloseCode::Other(6));
        assert_eq!(ResetCode::Other(u64::MAX).varint(), VarInt::MAX);
    }
}
