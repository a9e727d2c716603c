"""Enrich songs with what a web service knows about their ids."""
