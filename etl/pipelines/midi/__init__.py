"""Folders and archives of MIDI files to a searchable, split and tagged library."""
