//! A network on this machine, made by a person at several keyboards: the real `pouch` services as
//! processes, the real commands typed one after the other.

mod network;
mod node;
mod party;
mod process;

pub use network::{Stage, free_addresses};
pub use node::{Node, is, word};
pub use party::{Officer, Party};
pub use process::{Outcome, PATIENCE, Program, Service, StageError, Watcher};
