"""The EU payload (DCC): facts to claims and back, names, identifiers, value sets, schema check."""
