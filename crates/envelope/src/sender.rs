//! Who sent it: the one proof that relay, recipient and auditor share.
//!
//! What was true when the message was made is judged by the directory that it cites. What happened to
//! the sender since is judged apart: a relay refuses from the entry on ([`speaks_now`]); a recipient
//! and an auditor ask what came first.

use pouch_crypto::{Domain, Signature};
use pouch_directory::{Authority, Directory, NotInRole};
use pouch_wire::{Environment, Timestamp, limits};

use crate::header::Header;
use crate::refusal::Refusal;

/// Proves that a header is of this network and signed by a key that spoke for the sender it names, in
/// the directory that it cites. `at` is when a relay accepted it, or now if none has yet.
///
/// A key that was rotated out counts for messages that cite a directory in which it was current, until
/// [`limits::SUPERSEDED_GRACE_MS`] after it was replaced. Whether the key was revoked after the cited
/// directory is not asked here.
///
/// # Errors
/// The first rule that it breaks.
pub fn prove_sender(
    header: &Header,
    header_bytes: &[u8],
    signature: &Signature,
    directory: &Directory,
    at: Timestamp,
) -> Result<Authority, Refusal> {
    let authority = prove_signer(header, header_bytes, signature, directory)?;
    match long_superseded(header, &authority, at) {
        Some(refusal) => Err(refusal),
        None => Ok(authority),
    }
}

/// Why a key that was rotated out does not count at a time, if it was and does not.
#[must_use]
pub fn long_superseded(header: &Header, authority: &Authority, at: Timestamp) -> Option<Refusal> {
    let ago = at.0.saturating_sub(authority.superseded?.0);
    let max_s = limits::SUPERSEDED_GRACE_MS / 1000;
    let late = ago > limits::SUPERSEDED_GRACE_MS;
    late.then_some(Refusal::LongSuperseded { key: header.sender_key, ago_s: ago / 1000, max_s })
}

/// The part of [`prove_sender`] that rests on no time at all: a recipient knows the time only by the word
/// of a relay, and asks apart how far that carries.
///
/// # Errors
/// The first rule that it breaks.
pub fn prove_signer(
    header: &Header,
    header_bytes: &[u8],
    signature: &Signature,
    directory: &Directory,
) -> Result<Authority, Refusal> {
    if header.version != 1 {
        return Err(Refusal::Version(header.version));
    }
    if header.network != directory.network() {
        return Err(Refusal::OtherNetwork);
    }
    if header.directory_size > directory.size() {
        return Err(Refusal::DirectoryAhead { cited: header.directory_size, have: directory.size() });
    }
    let cited = directory.as_of(header.directory_size);
    let authority = cited.may_sign(&header.sender, header.environment, header.sender_key)?;
    let context = directory.context(header.environment);
    authority
        .key
        .verify(Domain::Envelope, &context, header_bytes, signature)
        .map_err(|_| Refusal::BadSignature)?;
    Ok(authority)
}

/// Checks that the sender still speaks by the newest entry of the directory: its key is not revoked, its
/// member not suspended, its exercise open.
///
/// # Errors
/// The first rule that it breaks.
pub fn speaks_now(header: &Header, directory: &Directory, now: Timestamp) -> Result<(), Refusal> {
    let newest = directory.now_view();
    match newest.may_sign(&header.sender, header.environment, header.sender_key) {
        // A key that was rotated out is judged by the time that it has.
        Ok(_) | Err(NotInRole::Superseded { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let Environment::Exercise(id) = header.environment else { return Ok(()) };
    let (exercise, over) =
        newest.exercise(id).zip(newest.exercise_over(id)).ok_or(NotInRole::ExerciseClosed)?;
    if now >= over {
        return Err(Refusal::ExerciseOver { ago_s: now.0.saturating_sub(over.0) / 1000 });
    }
    let ahead = exercise.from.0.saturating_sub(now.0);
    if ahead > limits::CLOCK_SKEW_MS_MAX {
        return Err(Refusal::ExerciseNotBegun { ahead_s: ahead / 1000 });
    }
    Ok(())
}

/// Checks that a message is of its time.
pub(crate) fn timely(header: &Header, now: Timestamp) -> Result<(), Refusal> {
    let life = header.not_after.0.saturating_sub(header.created.0);
    if life == 0 || life > limits::LIFE_MS_MAX {
        return Err(Refusal::Life { life_s: life / 1000 });
    }
    let ahead = header.created.0.saturating_sub(now.0);
    if ahead > limits::CLOCK_SKEW_MS_MAX {
        return Err(Refusal::FromTheFuture { ahead_s: ahead / 1000 });
    }
    if now >= header.not_after {
        return Err(Refusal::Expired { late_s: now.0.saturating_sub(header.not_after.0) / 1000 });
    }
    Ok(())
}
