//! Who is a member and which key speaks for which office: charter, statements, the fold.
