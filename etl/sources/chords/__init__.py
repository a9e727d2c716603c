"""Chord song files to rows and rejects, each field's own text kept."""
