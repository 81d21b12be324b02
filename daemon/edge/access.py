"""Who may do what: roles of local users and groups, by the kernel's word about the peer.

Without any rule, root and the daemon's own user are ``admin`` and whoever may open the socket (its group) may
``cancel``. As soon as there are rules, everybody else has what the rules say: the largest role that names the user or
one of its groups, at the accounts that it names. Who is named may open the socket too, in its group or not.

Names are looked up apart from the questions: a host may keep them in a directory that answers when it likes, and no
cancel waits for that.
"""

from __future__ import annotations

import grp
import os
import pwd
import threading
import time
from typing import TYPE_CHECKING, Final

import structlog

from daemon.config.settings import Role
from protocols.errors import BadRequest

if TYPE_CHECKING:
    from daemon.config.model import AccessRule
    from daemon.edge.desk import Peer
    from protocols.fix import AccountName

ROOT: Final = 0
LOOK_UP_S: Final = 60.0
"""How soon a user or group that the host learns, or knows by another number, counts."""
log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
_RANK: Final = {Role.OBSERVE: 1, Role.CANCEL: 2, Role.ADMIN: 3}


class Access:
    """Answers for one set of rules, by what their names stood for when they were last looked up."""

    def __init__(self, rules: tuple[AccessRule, ...]) -> None:
        """Look all names up. Blocks."""
        self._rules: tuple[tuple[AccessRule, int | None], ...] = tuple((rule, None) for rule in rules)
        """Each with the number of its user or group; None: the host knows none of that name."""
        self._admins = frozenset({ROOT, os.geteuid()})
        self.look_up()

    def look_up(self) -> None:
        """Look all names up again. Blocks, for a thread: the answers change when all of them are known."""
        self._rules = tuple((rule, _id_of(rule, before)) for rule, before in self._rules)

    def keep_looking_up(self) -> None:
        """Begin a thread that looks names up once a minute, if there are any. It ends with the process."""
        if self._rules:
            threading.Thread(target=self._look_up_for_ever, name="access", daemon=True).start()

    def _look_up_for_ever(self) -> None:
        while True:
            time.sleep(LOOK_UP_S)
            try:
                self.look_up()
            except Exception:
                log.exception("names_not_looked_up")

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
            for rule, number in self._rules
            if (rule.accounts is None or account in rule.accounts) and _is_about(rule, number, peer)
        )

    def names(self, peer: Peer) -> bool:
        """Say whether some rule is about a peer, whatever it grants."""
        return any(_is_about(rule, number, peer) for rule, number in self._rules)

    def named_ids(self) -> tuple[set[int], set[int]]:
        """Give the users and the groups that rules are about, as far as this host knows them."""
        users = {number for rule, number in self._rules if not rule.is_group and number is not None}
        groups = {number for rule, number in self._rules if rule.is_group and number is not None}
        return users, groups


def _is_about(rule: AccessRule, number: int | None, peer: Peer) -> bool:
    """Whether a rule is about a peer. A name that the host does not know is about nobody."""
    if number is None:
        return False
    return number in peer.groups if rule.is_group else number == peer.caller.uid


def _id_of(rule: AccessRule, before: int | None) -> int | None:
    """Give the number of a rule's name. What the host cannot say at the moment is what it was ``before``."""
    try:
        return grp.getgrnam(rule.name).gr_gid if rule.is_group else pwd.getpwnam(rule.name).pw_uid
    except KeyError:
        return None
    except OSError:
        return before
