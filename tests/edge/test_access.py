"""Who may do what: when names are looked up, and what they stand for meanwhile."""

import grp
import pwd
from types import SimpleNamespace

import pytest

from daemon.config.model import AccessRule
from daemon.config.settings import Role
from daemon.core.records import Caller
from daemon.edge.access import Access
from daemon.edge.desk import ConnectionId, Peer
from protocols.fix import AccountName

ACCOUNT = AccountName("main")
RULES = (AccessRule(False, "strategy", Role.CANCEL, None), AccessRule(True, "desk", Role.OBSERVE, None))


class Directory:
    """What the host knows of users and groups."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.users = {"strategy": 4001}
        self.groups = {"desk": 5001}
        self.fault: Exception | None = None
        self.asked = 0
        monkeypatch.setattr(pwd, "getpwnam", lambda name: SimpleNamespace(pw_uid=self._answer(self.users, name)))
        monkeypatch.setattr(grp, "getgrnam", lambda name: SimpleNamespace(gr_gid=self._answer(self.groups, name)))

    def _answer(self, known: dict[str, int], name: str) -> int:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return known[name]


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch) -> Directory:
    return Directory(monkeypatch)


def peer(uid: int, *groups: int) -> Peer:
    return Peer(ConnectionId(1), Caller(uid, 1, 1), frozenset(groups))


def test_no_question_waits_for_the_hosts_directory(directory: Directory) -> None:
    access = Access(RULES)
    asked = directory.asked
    assert access.may(peer(4001), Role.CANCEL, ACCOUNT)
    assert access.may(peer(4002, 5001), Role.OBSERVE, ACCOUNT)
    assert not access.may(peer(4002, 5001), Role.CANCEL, ACCOUNT)
    assert not access.names(peer(4002))
    assert access.named_ids() == ({4001}, {5001})
    assert directory.asked == asked


def test_a_user_that_the_host_learns_counts_from_the_next_look(directory: Directory) -> None:
    directory.users.clear()
    access = Access(RULES)
    assert not access.may(peer(4001), Role.CANCEL, ACCOUNT)
    directory.users["strategy"] = 4001
    access.look_up()
    assert access.may(peer(4001), Role.CANCEL, ACCOUNT)
    directory.users["strategy"] = 4009
    access.look_up()
    assert not access.may(peer(4001), Role.CANCEL, ACCOUNT)


def test_a_directory_that_cannot_say_changes_nothing(directory: Directory) -> None:
    access = Access(RULES)
    directory.fault = OSError(5, "no answer")
    access.look_up()
    assert access.named_ids() == ({4001}, {5001})
    directory.fault = KeyError("gone")
    access.look_up()
    assert access.named_ids() == (set(), set())
    assert not access.may(peer(4001), Role.CANCEL, ACCOUNT)
