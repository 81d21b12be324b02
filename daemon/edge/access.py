"""Who may do what: roles of local users and groups, by the kernel's word about the peer.

Without any rule, root and the daemon's own user are ``admin`` and whoever may open the socket (its group) may
``cancel``. As soon as there are rules, everybody else has what the rules say: the largest role that names the user or
one of its groups, at the accounts that it names.
"""

from __future__ import annotations

import grp
import os
import pwd
from typing import TYPE_CHECKING, Final

from daemon.config.settings import Role
from protocols.errors import BadRequest

if TYPE_CHECKING:
    from daemon.config.model import AccessRule
    from daemon.edge.desk import Peer
    from protocols.fix import AccountName

ROOT: Final = 0
_RANK: Final = {Role.OBSERVE: 1, Role.CANCEL: 2, Role.ADMIN: 3}


class Access:
    """Answers for one set of rules. Names are resolved when a peer asks, so that a new user needs no restart."""

    def __init__(self, rules: tuple[AccessRule, ...]) -> None:
        self._rules = rules

    def require(self, peer: Peer, role: Role, account: AccountName) -> None:
        """Check that a peer may act in ``role`` at ``account``, or raise ``not_allowed``."""
        if not self.may(peer, role, account):
            raise BadRequest(
                "not_allowed",
                f"uid {peer.caller.uid} may not {role.value} at {account}; its operator grants that in [access]",
                path="account",
            )

    def may(self, peer: Peer, role: Role, account: AccountName) -> bool:
        """Say whether a peer may act in ``role`` at ``account``."""
        if peer.caller.uid in {ROOT, os.geteuid()}:
            return True
        if not self._rules:
            return _RANK[role] <= _RANK[Role.CANCEL]
        return any(
            _RANK[rule.role] >= _RANK[role]
            for rule in self._rules
            if (rule.accounts is None or account in rule.accounts) and _names(rule, peer)
        )


def _names(rule: AccessRule, peer: Peer) -> bool:
    """Whether a rule is about a peer. A name that the host does not know is about nobody."""
    try:
        if rule.is_group:
            return grp.getgrnam(rule.name).gr_gid in peer.groups
        return pwd.getpwnam(rule.name).pw_uid == peer.caller.uid
    except KeyError:
        return False
