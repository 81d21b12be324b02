"""The tests: protocols, core, edge, sim, system, bench, and the rules of the house itself."""
