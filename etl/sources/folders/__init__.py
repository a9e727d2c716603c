"""One walk over folders, for MIDI and audio: links, loops, odd names, caps."""
