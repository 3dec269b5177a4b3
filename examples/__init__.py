"""Two services that run: one issues passes and live screens, one verifies them at a door."""
