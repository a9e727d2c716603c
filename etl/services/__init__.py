"""Clients of web services over one shared politeness layer."""
