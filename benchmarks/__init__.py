"""Measurements: ratios from one run with interleaved rounds, never timed tests."""
