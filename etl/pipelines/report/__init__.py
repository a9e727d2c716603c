"""The report page: what is in a store, to look at."""
