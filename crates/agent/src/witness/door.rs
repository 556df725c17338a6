//! C2SP tlog-witness over HTTP: `add-checkpoint`, with the statuses of the specification. The same witness
//! and the same memory as on sessions.

use std::sync::Arc;

use pouch_net::{HttpAnswer, HttpLimits, HttpListener};
use pouch_tlog::{AddCheckpoint, NoteSignature, WitnessRefusal};
use pouch_wire::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::cosigner::Cosigner;
use super::{Logs, NotCosigned, Witness};
use crate::desk::Clock;
use crate::error::AgentError;

/// Answers on an address until told to stop.
pub(crate) async fn serve(
    listener: HttpListener,
    witness: Arc<Witness>,
    clock: Clock,
    shutdown: CancellationToken,
) -> Result<(), AgentError> {
    info!(address = %listener.local_addr(), "witnessing over HTTP");
    let answer = move |body: Vec<u8>| {
        let witness = witness.clone();
        async move { witness.cosigner.over_http(&body, || witness.logs(), clock()).await }
    };
    let limits = HttpLimits::for_bodies(AddCheckpoint::BYTES_MAX);
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = listener.serve(PATH, limits, answer) => {}
    }
    Ok(())
}

impl Cosigner {
    /// What a request's body is answered with. Nothing is looked up for a body that is no request.
    pub(super) async fn over_http(
        &self,
        body: &[u8],
        logs: impl FnOnce() -> Logs,
        now: Timestamp,
    ) -> HttpAnswer {
        let asked = match AddCheckpoint::parse(body) {
            Ok(asked) => asked,
            Err(error) => return HttpAnswer::words(400, &format!("{} {error}", error.code())),
        };
        match self.cosign(&asked, &logs(), now).await {
            Ok(lines) => HttpAnswer {
                status: 200,
                content_type: "text/plain; charset=utf-8".into(),
                body: NoteSignature::print_lines(&lines).into_bytes(),
            },
            Err(NotCosigned::Refused(WitnessRefusal::Conflict { size, .. })) => HttpAnswer {
                status: 409,
                content_type: "text/x.tlog.size".into(),
                body: format!("{size}\n").into_bytes(),
            },
            Err(reason) => {
                let status = match &reason {
                    NotCosigned::Refused(refusal) => refusal.http_status(),
                    NotCosigned::Memory(_) | NotCosigned::Stopped(_) => 500,
                };
                HttpAnswer::words(status, &format!("{} {reason}", reason.code()))
            }
        }
    }
}

/// Below the submission prefix, which is the address itself.
const PATH: &str = "/add-checkpoint";
