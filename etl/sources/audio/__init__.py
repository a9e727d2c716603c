"""Audio files to signals, tags and stream properties."""
