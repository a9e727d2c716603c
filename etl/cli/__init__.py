"""Typer commands, one file per command group: parse, call a pipeline, print."""
