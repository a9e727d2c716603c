"""Audio: decoding, tags, beats and sonic features (pure: paths and arrays in, arrays out)."""
