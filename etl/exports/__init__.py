"""What leaves the store: data3 CSV, NPZ, Parquet, data sets."""
