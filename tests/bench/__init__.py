"""Measurements, never tests: nothing here passes or fails. `python -m tests.bench --help` says what there is."""
