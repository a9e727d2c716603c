"""Columnar ETL for music data: chords, audio and MIDI into DuckDB and data sets."""

__version__ = "0.1.0"
