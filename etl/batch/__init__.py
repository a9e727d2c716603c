"""Tasks for language models: what is asked, what an answer may be, how many at a time."""
