"""`canceld demo`: a daemon and simulated venues at work on this machine, and each outcome beside the venue's truth.

    command   its arguments and its course
    host      the processes: simulated venues and a daemon, on a private socket, in a throw-away folder
    door      the simulated venue's control door, by which orders are placed and filled behind the daemon's back
    play      what happens: orders rest, are canceled through the socket, some trade meanwhile
    score     pure: outcomes held against the venue's truth
    screen    what a person sees

It needs no account and no network, and it uses the daemon as any client would.
"""
