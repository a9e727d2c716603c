"""MIDI files: lenient reading, analysis, splitting, names, tags and the MPC layout; pure functions."""
