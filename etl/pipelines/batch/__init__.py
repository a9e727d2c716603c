"""Batch jobs: many items described by a local engine and by a language model, under its limits, for days."""
