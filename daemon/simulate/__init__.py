"""A seeded world in virtual time, in which a whole daemon runs against venues, clients and a disk that misbehave.

Everything that decides is the product's own code: front desk, accounts, drivers, correlators, recovery, gateways,
sessions, dialects, budgets. Virtual are only time (`kernel`), the network (`network`, `ways`), the disk (`disk`) and
those who call (`clients`). `plan` draws from the seed what will happen, `world` lets it happen, `chronicle` writes down
what was seen, and `auditor` holds what clients were told against what was true. No event loop runs in here, no socket
is opened, no clock is read.
"""
