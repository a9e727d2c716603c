"""MIDI files out of zip, tar, 7z and rar archives, in memory, whatever the archive claims."""
