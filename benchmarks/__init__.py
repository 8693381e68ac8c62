"""Benchmarks: each prints one table and writes it to `benchmarks/results`."""
