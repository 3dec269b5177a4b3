"""Tests of the language, and what makes expressions for them."""
