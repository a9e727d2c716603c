"""Fits of the weights that ship: run by hand when data or features change."""
