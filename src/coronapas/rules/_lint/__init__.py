"""The linter of business rules."""
