"""BingX spot: signed REST for everything that is asked for, a gzipped socket that only pushes."""
