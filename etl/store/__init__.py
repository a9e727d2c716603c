"""The DuckDB file: open, migrate, upsert, ledger, queries."""
