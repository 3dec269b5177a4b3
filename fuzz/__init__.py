"""Hostile input for every entry point, drawn by a fuzzer; run it with ``make fuzz``."""
