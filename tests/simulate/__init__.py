"""The simulated world: its command, its determinism, its auditor, and the wrong daemons that it catches."""
