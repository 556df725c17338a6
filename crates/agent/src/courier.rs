//! Courier files: what is carried by hand where there is no network, out of this node and into it.

mod choice;
mod export;
mod import;

pub(crate) use export::{export, written};
pub(crate) use import::import;
