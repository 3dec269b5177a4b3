"""Faults planted in the rooms on purpose, and whether a test notices: ``make mutants``."""
