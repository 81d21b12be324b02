"""The whole daemon, as a process of its own, against simulated venues on real sockets."""
