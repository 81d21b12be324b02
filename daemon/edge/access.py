"""Who may do what: roles of local users and groups, by the kernel's word about the peer.

Without any rule, root and the daemon's own user are ``admin`` and whoever may open the socket (its group) may
``cancel``. As soon as there are rules, everybody else has what the rules say: the largest role that names the user or
one of its groups, at the accounts that it names. Who is named may open the socket too, in its group or not.
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
        self._admins = frozenset({ROOT, os.geteuid()})

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
        if peer.caller.uid in self._admins:
            return True
        if not self._rules:
            return _RANK[role] <= _RANK[Role.CANCEL]
        return any(
            _RANK[rule.role] >= _RANK[role]
            for rule in self._rules
            if (rule.accounts is None or account in rule.accounts) and _names(rule, peer)
        )

    def names(self, peer: Peer) -> bool:
        """Say whether some rule is about a peer, whatever it grants."""
        return any(_names(rule, peer) for rule in self._rules)

    def named_ids(self) -> tuple[set[int], set[int]]:
        """Give the users and the groups that rules are about, as far as this host knows them now."""
        users = {uid for rule in self._rules if not rule.is_group and (uid := _uid(rule.name)) is not None}
        groups = {gid for rule in self._rules if rule.is_group and (gid := _gid(rule.name)) is not None}
        return users, groups


def _names(rule: AccessRule, peer: Peer) -> bool:
    """Whether a rule is about a peer. A name that the host does not know is about nobody."""
    if rule.is_group:
        return _gid(rule.name) in peer.groups
    return _uid(rule.name) == peer.caller.uid


def _uid(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _gid(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None
