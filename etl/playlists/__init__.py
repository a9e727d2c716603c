"""Playlists: what a transition costs, and which tracks in which order. Arrays in, arrays out."""
