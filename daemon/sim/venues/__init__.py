"""One module or package for each simulated venue: Sans-I/O, bytes and now in, bytes and the next deadline out."""
