"""Genres: what they are called and what they are near to. Pure; no files, no store."""
