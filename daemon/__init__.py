"""canceld: the order-cancel daemon, its two commands and its client library."""
