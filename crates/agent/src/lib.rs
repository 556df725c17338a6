//! A national node: outbox, inbox, prekeys, directory mirror, witness, local API.
