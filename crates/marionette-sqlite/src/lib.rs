//! Durable jobs in one file: a store in SQLite.
