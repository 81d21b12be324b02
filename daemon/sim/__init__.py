"""Simulated venues, written from the fact sheets alone, so that they check the daemon instead of agreeing with it."""
