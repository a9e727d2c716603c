"""Chord songs to the data3 CSV, matrices, data sets and the store."""
