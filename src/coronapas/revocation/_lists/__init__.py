"""The formats of revocation lists, one module each."""
