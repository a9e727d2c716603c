"""Run work: on this thread, on others, or in processes that may crash."""
