"""Matrices of any kind: in memory or read in blocks, dense or sparse; their sums and products."""
