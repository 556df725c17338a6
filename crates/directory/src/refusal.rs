//! Why a charter is not good, and why a statement has no effect. Each reason has a stable code.

use pouch_wire::{ContactPoint, DecodeError, ExerciseId, KeyId, Member};

macro_rules! refusals {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident $(($($field:ty),*))? = $code:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$vdoc])* #[error($text)] $variant $(($($field),*))?,)*
        }

        impl $name {
            /// Stable code.
            #[must_use]
            pub const fn code(&self) -> &'static str {
                match self {
                    $(refusals!(@pattern $variant $(($($field),*))?) => $code,)*
                }
            }
        }
    };
    (@pattern $variant:ident) => { Self::$variant };
    (@pattern $variant:ident ($($field:ty),*)) => { Self::$variant(..) };
}

refusals! {
    /// Why a charter founds no network.
    CharterRefused {
        /// The bytes are no charter.
        Malformed(DecodeError) = "POUCH-CHA-01", "not a charter: {0}";
        /// It is of another version of the protocol.
        Version(u16) = "POUCH-CHA-02", "version {0}, this program knows 1";
        /// Fewer than two members found it.
        TooFew = "POUCH-CHA-03", "a network has at least two founders";
        /// Two members have codes that are the same or look alike.
        Confusable(Member) = "POUCH-CHA-04", "the code {0} is taken, or looks like one that is";
        /// A key is used twice.
        KeyTwice(KeyId) = "POUCH-CHA-05", "key {0} is used twice";
        /// A founder's signature is missing.
        Unsigned(Member) = "POUCH-CHA-06", "{0} has not signed";
        /// A signature is not a founder's over these bytes.
        BadSignature(Member) = "POUCH-CHA-07", "the signature of {0} does not verify";
        /// A threshold is zero, or needs everybody.
        Thresholds(&'static str) = "POUCH-CHA-08", "the threshold for {0} must be at least 1, and below the number of those who can agree";
        /// The quorum is zero, more than there are witnesses, or needs every witness.
        Quorum = "POUCH-CHA-09", "the quorum must be at least 1, and leave one witness to spare";
        /// There is no relay.
        Relays = "POUCH-CHA-10", "a network has at least one relay";
        /// Two relays, logs or witnesses have one name, or a relay has no address.
        Names(String) = "POUCH-CHA-11", "{0:?} has a name that is empty, unfit for a key or used twice, or no address host:port";
        /// A first statement has no effect.
        FirstStatement(u64, StatementRefused) = "POUCH-CHA-12", "first statement {0}: {1}";
        /// A name has more than one line, or characters that hide or turn the direction.
        NotPlain(String) = "POUCH-CHA-13", "{0:?} has line ends, or characters that hide or turn the direction of writing";
    }
}

refusals! {
    /// Why a statement has no effect.
    StatementRefused {
        /// The bytes are no signed statement.
        Malformed(DecodeError) = "POUCH-DIR-01", "not a signed statement: {0}";
        /// It is of another network.
        OtherNetwork = "POUCH-DIR-02", "made for another network";
        /// It was drafted before the network was.
        BeforeCharter = "POUCH-DIR-03", "drafted before the charter";
        /// It had its effect already.
        Repeated(u64) = "POUCH-DIR-04", "the same statement is entry {0}";
        /// It carries no signature of the key that must sign.
        NotSignedBy(KeyId) = "POUCH-DIR-05", "not signed by key {0}, which it needs";
        /// A signature does not verify.
        BadSignature(KeyId) = "POUCH-DIR-06", "the signature of key {0} does not verify";
        /// No such member.
        NoMember(Member) = "POUCH-DIR-07", "no member {0}";
        /// The member is suspended.
        Suspended(Member) = "POUCH-DIR-08", "{0} is suspended";
        /// No such contact point in this environment.
        NoContactPoint(ContactPoint) = "POUCH-DIR-09", "no contact point {0}";
        /// The key was bound before: to anyone, in any role, for ever.
        KeyTaken(KeyId) = "POUCH-DIR-10", "key {0} is bound already";
        /// The key was revoked.
        KeyRevoked(KeyId) = "POUCH-DIR-11", "key {0} is revoked";
        /// The key is not known, or not of this member.
        NotYourKey(KeyId) = "POUCH-DIR-12", "key {0} is not a key of the member that signs";
        /// The member code is taken or looks like one that is.
        Confusable(Member) = "POUCH-DIR-13", "the code {0} is taken, or looks like one that is";
        /// Too few members endorsed it.
        NotEnough(u8, u8) = "POUCH-DIR-14", "endorsed by {0} members, {1} are needed";
        /// The new root is not the one that was committed.
        NotCommitted = "POUCH-DIR-15", "the new root is not the one committed in advance";
        /// A home relay is not a relay of the network.
        NoRelay(String) = "POUCH-DIR-16", "no relay {0:?}";
        /// A span of time is empty or too long.
        Span(&'static str) = "POUCH-DIR-17", "{0}: the span of time is empty or too long";
        /// The exercise is unknown or closed.
        NoExercise(ExerciseId) = "POUCH-DIR-18", "no open exercise {0:?}";
        /// The member does not take part in the exercise.
        NotParticipant(Member) = "POUCH-DIR-19", "{0} does not take part in the exercise";
        /// A recovery waits, and only one at a time can.
        RecoveryWaits = "POUCH-DIR-20", "a recovery of this member waits already";
        /// No recovery waits.
        NoRecovery = "POUCH-DIR-21", "no recovery of this member waits";
        /// A threshold or quorum is zero, or needs everybody.
        Thresholds(&'static str) = "POUCH-DIR-22", "the threshold for {0} must be at least 1, and below the number of those who can agree";
        /// A name is used twice or unfit, or a relay has no address.
        Names(String) = "POUCH-DIR-23", "{0:?} has a name that is empty, unfit or used twice, or no address host:port";
        /// It changes nothing.
        NoChange = "POUCH-DIR-24", "nothing would change";
        /// The list is empty.
        Empty = "POUCH-DIR-25", "an empty list";
        /// One key signed twice.
        SignedTwice(KeyId) = "POUCH-DIR-26", "two signatures of key {0}, where each key signs once";
        /// An exercise entry has another transport key than the office's live entry.
        NotLiveTransport(KeyId) = "POUCH-DIR-27", "key {0} is not the transport key of the live office, which an exercise must use";
        /// The office has as many sealing keys as one may have.
        TooManyPrekeys(ContactPoint) = "POUCH-DIR-28", "{0} has as many sealing keys as an office may have at a time";
        /// A name has more than one line, or characters that hide or turn the direction.
        NotPlain(String) = "POUCH-DIR-29", "{0:?} has line ends, or characters that hide or turn the direction of writing";
        /// It changes a network that has been changed since.
        NetworkChanged(u64, u64) = "POUCH-DIR-30", "changes the network of entry {0}, which is that of entry {1} by now";
        /// No such witness.
        NoWitness(String) = "POUCH-DIR-31", "no witness {0:?}";
        /// More relays or witnesses than a network may have.
        TooManyServices(&'static str, usize) = "POUCH-DIR-32", "more {0} than the {1} that a network may have";
        /// It was drafted before the last change of the member's standing or root, which it did not know.
        Outdated(Member) = "POUCH-DIR-33", "drafted before the last change of {0}'s standing or root";
        /// A recovery is dated far ahead of what enough members have said.
        FarAhead = "POUCH-DIR-34", "a recovery that is dated more than 30 days ahead of the log";
        /// So few active members would be left that a threshold could not be met.
        TooFewLeft(u8) = "POUCH-DIR-35", "fewer active members would be left than the {0} that must agree";
        /// An officer's person is not written as one must be.
        Person(String) = "POUCH-DIR-36", "the person {0:?} is not 1 to 64 small letters a to z, digits and hyphens";
    }
}
