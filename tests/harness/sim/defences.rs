//! The defences that a control leaves out, one at a time, to see that the simulation would notice.
//!
//! Nothing in the product can be switched off. A node of the simulation calls the product's functions
//! itself, and leaves out the one call, or founds its network with the one number, that the defence
//! consists of.

/// Which defences a run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Defences {
    /// A checkpoint needs a quorum of witnesses; without it, one witness is enough.
    pub(crate) quorum: bool,
    /// A checkpoint smaller than the last one believed is refused; without it, the node begins anew.
    pub(crate) never_back: bool,
    /// A sender's messages are counted; without it, every arrival is taken to be in order.
    pub(crate) sequence: bool,
    /// What arrived once does not come as new again; without it, every delivery is presented.
    pub(crate) dedupe: bool,
    /// What others say of the directory is compared with what is believed here; without it, it is not.
    pub(crate) gossip: bool,
}

impl Defences {
    /// As the product is.
    pub(crate) const ALL: Self =
        Self { quorum: true, never_back: true, sequence: true, dedupe: true, gossip: true };

    /// Every control: its name, the promises that it must break, and all defences but that one.
    pub(crate) const CONTROLS: [(&'static str, &'static [&'static str], Self); 5] = [
        ("quorum", &["P4 quorum", "P4 consistency"], Self { quorum: false, ..Self::ALL }),
        ("never-back", &["P4 never back"], Self { never_back: false, ..Self::ALL }),
        ("sequence", &["P7 gap", "P7 equivocation"], Self { sequence: false, ..Self::ALL }),
        ("dedupe", &["P6 twice"], Self { dedupe: false, ..Self::ALL }),
        ("gossip", &["P4 evidence"], Self { gossip: false, ..Self::ALL }),
    ];
}
