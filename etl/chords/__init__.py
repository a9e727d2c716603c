"""Chord symbols, keys, Roman numerals, categories and fingerprints: pure, frames in and frames out."""
