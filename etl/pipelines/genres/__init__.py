"""Genres of songs and tracks: read, normalized, compared, exported."""
