//! Demo parties, seeded randomness and vectors for tests.
