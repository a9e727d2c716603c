"""The ground floor: settings, executors, progress, logging, atomic files."""
