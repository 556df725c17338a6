//! A network on this machine, made by a person at several keyboards: the real `pouch` services as
//! processes, the real commands typed one after the other.

mod network;
mod process;

pub use network::{Node, Officer, Party, Stage, is, word};
pub use process::{Outcome, PATIENCE, Program, Service, StageError, Watcher};
