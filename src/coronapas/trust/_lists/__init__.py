"""The formats of trust lists, one module each."""
