//! Offices and a witness whose clocks are wrong, each in another way at the same time; the relay's is right.

use pouch_testkit::stage::{StageError, word};

use crate::clocks::{WRONG, Wrong};
use crate::field::Field;
use crate::figures::Figures;

/// How far the others are along in the list: all are wrong in different ways.
const WRITER_AT: usize = 7;
const WITNESS_AT: usize = 15;

/// Each way of being wrong, once for the reader, once for a writer and once for a witness.
pub(crate) async fn wrong(field: &mut Field, figures: &mut Figures) -> Result<(), StageError> {
    for place in 0..WRONG.len() {
        let of = |further: usize| WRONG[(place + further) % WRONG.len()];
        let (reader, writer, witness) = (of(0), of(WRITER_AT), of(WITNESS_AT));
        field.set("md", reader.1)?;
        field.set("nl", writer.1)?;
        field.set("witness-1", witness.1)?;
        let looked = field.looks().await?;
        figures.case("reader", reader, &looked);
        let status = field.writers[0].json(&["status"]).await?;
        figures.clock("writer", writer, word(&status, "clock"));
        // One of three witnesses changes nothing.
        figures.case_of("witness");
        figures.taken(field.sends(0).await?.is_some());
        figures.taken(field.sends(1).await?.is_some());
        // The writer's and the witness's are right again with the next turn, or at the end.
        field.set("md", Wrong::By(0))?;
        let looked = field.looks().await?;
        figures.right_again("reader", reader, &looked);
    }
    field.set("nl", Wrong::By(0))?;
    field.set("witness-1", Wrong::By(0))
}
