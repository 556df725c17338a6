//! The inside of a message: notices, content, receipts, evidence, and the form that people fill in.

use pouch_notice::{
    Content, Draft, EvidenceFile, JointFile, Notice, RecipientReceipt, SealedOut, SequenceState,
    SignedNotice, StanzaSecret, body_from_toml, body_to_toml, check_form, preview,
};
use pouch_wire::{Canonical as _, Digest, EnvelopeId, NoticeType};

use super::canonical::canonical;
use super::{directory, stage, words};

/// Decoding gives the one value whose bytes these are, or refuses; a notice that keeps the rules of its
/// form can be shown, and what is shown fits.
pub fn notice_decode(data: &[u8]) {
    if let Some(notice) = canonical::<Notice>(data) {
        shown(data, &notice);
    }
    if let Some(signed) = canonical::<SignedNotice>(data)
        && let Ok(notice) = Notice::from_bytes(&signed.notice)
    {
        shown(&signed.notice, &notice);
    }
    canonical::<Content>(data);
    canonical::<StanzaSecret>(data);
    canonical::<RecipientReceipt>(data);
    if let Some(out) = canonical::<SealedOut>(data) {
        let submit = out.submit();
        assert_eq!((&*submit.header, submit.stanzas.len()), (out.header_bytes(), out.stanzas().len()));
    }
    if let Some(evidence) = canonical::<EvidenceFile>(data) {
        let charter = &directory::world().charter;
        if let Ok(proven) = evidence.verify(charter) {
            words::fits(&proven.words());
        }
    }
    if let Some(joint) = canonical::<JointFile>(data)
        && let Ok(proven) = joint.verify(&directory::world().charter)
    {
        words::fits(&proven.words());
    }
    if let Some(mut state) = canonical::<SequenceState>(data) {
        sequence(&mut state);
    }
}

fn shown(bytes: &[u8], notice: &Notice) {
    words::fits(&preview(bytes).unwrap().text);
    let drafted = Draft::new(notice.clone());
    assert_eq!(drafted.is_ok(), check_form(notice).is_ok());
    assert!(drafted.iter().all(|draft| draft.bytes() == bytes));
}

/// Whatever was kept of a sender, a next message is placed and the state can be kept again.
fn sequence(state: &mut SequenceState) {
    let (epoch, newest) = state.newest();
    let id = |n: u8| EnvelopeId(Digest::new([n; 32]));
    for (place, n) in
        [newest, newest.saturating_add(1), newest.saturating_add(9), 1, u64::MAX].into_iter().enumerate()
    {
        state.accept(epoch, n, id(0), id(place as u8));
        assert!(state.newest().1 >= newest || state.newest().0 != epoch);
    }
    assert_eq!(
        state.to_bytes().map(|bytes| SequenceState::from_bytes(&bytes).as_ref() == Ok(state)),
        Ok(true)
    );
}

/// The fields of a type are read as a body that is written as fields of the same body, or refused; a
/// body that keeps its rules stands in a form that fits. The first byte says which type.
pub fn notice_toml(data: &[u8]) {
    let Some((kind, text)) = data.split_first() else { return };
    let kind = NoticeType::ALL[usize::from(*kind) % NoticeType::ALL.len()];
    let Ok(text) = core::str::from_utf8(text) else { return };
    let body = match body_from_toml(kind, text) {
        Ok(body) => body,
        Err(refused) => return assert!(refused.kind == kind && !refused.what.is_empty()),
    };
    assert_eq!(body.notice_type(), kind);
    let written = body_to_toml(&body).expect("what was read can be written");
    assert_eq!(body_from_toml(kind, &written).as_ref(), Ok(&body));
    let good = body.check();
    if let Ok(draft) = Draft::new(stage::notice(body)) {
        assert_eq!(good, Ok(()), "a draft is of a body that keeps its rules");
        words::fits(&preview(draft.bytes()).unwrap().text);
    }
}
