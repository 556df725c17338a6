//! Storage contracts in domain words, and SQLite behind them.
