"""The report page: one HTML file of charts and tables that needs nothing else."""
