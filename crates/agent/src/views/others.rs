//! How it stands with other offices: who is heard of, what does not come, who said two things.

use pouch_control::{Bytes, EquivocationView, GapView, OutsideView, PeerView};
use pouch_notice::OpenGap;
use pouch_store::Watching as _;
use pouch_wire::EnvelopeId;

use crate::desk::Desk;
use crate::refusals::Failed;
use crate::watching::PeerNow;

/// How many contradictions are listed.
const LISTED: u32 = 1000;
/// Length of a signature.
const SIGNATURE: usize = 64;

pub(super) fn peer(peer: PeerNow) -> PeerView {
    let gap = |gap: OpenGap| GapView { epoch: gap.epoch, from: gap.from, to: gap.to };
    PeerView {
        contact_point: peer.peer,
        heard_at: peer.heard_at,
        contact_lost: peer.lost,
        withheld: peer.withheld,
        took_back: peer.took_back,
        gaps: peer.gaps.into_iter().map(gap).collect(),
    }
}

pub(crate) async fn contradictions(desk: &Desk) -> Result<Vec<EquivocationView>, Failed> {
    let found = desk.store.equivocations(LISTED).await?;
    let view = |found: pouch_store::Equivocation| EquivocationView {
        sender: found.sender,
        seen_at: found.at,
        one: outside(found.one, Some(found.one_outside)),
        other: outside(found.other, found.other_outside),
    };
    Ok(found.into_iter().map(view).collect())
}

fn outside(envelope: EnvelopeId, kept: Option<Vec<u8>>) -> OutsideView {
    let cut = kept.as_ref().map_or(0, |bytes| bytes.len().saturating_sub(SIGNATURE));
    let parts = kept.as_ref().and_then(|bytes| bytes.split_at_checked(cut));
    let (header, signature) = parts.unzip();
    let bytes = |part: &[u8]| Bytes(part.to_vec());
    OutsideView { envelope, header: header.map(bytes), signature: signature.map(bytes) }
}
