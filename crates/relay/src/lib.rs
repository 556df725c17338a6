//! Accept, commit, log, deliver, sequence the directory; cannot open a letter.
