"""Honest scores: metrics, and data with known truth."""
