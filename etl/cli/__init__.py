"""Typer commands, one file per command group: parse, call a pipeline, print."""

import gc

gc.set_threshold(100_000)  # a start makes many objects and no garbage, and looks for it for nothing
    100_000
)  # imports make many objects and no garbage: the search for it takes a twentieth of a start
