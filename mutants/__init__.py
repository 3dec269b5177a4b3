"""Faults planted in the rooms on purpose, and whether a test notices; run it with ``make mutants``."""
