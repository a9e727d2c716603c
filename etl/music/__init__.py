"""What two pure floors need, said once: pitch classes, keys, profiles, spellings, instrument words."""
