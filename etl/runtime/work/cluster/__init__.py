"""Members of a crew on other machines, by Dask: the driver's side, a worker's, and what lies between."""
