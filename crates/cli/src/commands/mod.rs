//! One module per group of commands.

pub(crate) mod acts;
pub(crate) mod audit;
pub(crate) mod ceremonies;
pub(crate) mod compose;
pub(crate) mod consent;
pub(crate) mod courier;
pub(crate) mod directory;
pub(crate) mod exercise;
pub(crate) mod explain;
pub(crate) mod founding;
pub(crate) mod init;
pub(crate) mod joint;
pub(crate) mod keys;
pub(crate) mod member;
pub(crate) mod messages;
pub(crate) mod network;
pub(crate) mod reconfirm;
pub(crate) mod relay_status;
pub(crate) mod services;
pub(crate) mod statements;
pub(crate) mod watch;
