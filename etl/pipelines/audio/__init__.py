"""Folders of audio to tags, sonic features and matrices."""
