"""Playlists as files: what is in them."""
