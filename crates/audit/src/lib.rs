//! Verify logs and evidence offline, trusting nobody.
