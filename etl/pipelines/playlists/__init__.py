"""Playlists: candidates, rules, choice and order, files."""
