"""The I/O: sockets, journal, clock, logs. It carries effects out and decides nothing about an order."""
