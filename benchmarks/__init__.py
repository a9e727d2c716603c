"""One script for each figure in the README; `python -m benchmarks` runs them all."""
