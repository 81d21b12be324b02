"""Measurements, never tests: nothing here passes or fails."""
