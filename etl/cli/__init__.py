"""Typer commands, one file per command group: parse, call a pipeline, print."""

import gc

gc.set_threshold(100_000)  # a start makes many objects and no garbage, and looks for it for nothing
