"""Who may bind, and who may lay hands on another's binding."""

from __future__ import annotations

import pwd
from typing import Any

import msgspec
import pytest

from daemon.config.model import AccessRule
from daemon.config.settings import Role
from daemon.core.ids import Ids
from daemon.core.records import Caller
from daemon.edge.access import Access
from daemon.edge.bindingdesk import BindingDesk
from daemon.edge.bindings import LiveBindings
from daemon.edge.clock import Clock
from daemon.edge.desk import ConnectionId, Peer
from daemon.edge.loop import LoopTime
from protocols.control.params import BindParams, BoundScope
from protocols.dialect import Profile
from protocols.errors import BadRequest
from protocols.fix import AccountName
from protocols.venues.registry import dialect_for

MAIN, OTHER = AccountName("main"), AccountName("other")
RULES = (
    AccessRule(is_group=False, name="nobody", role=Role.CANCEL, accounts=frozenset({MAIN})),
    AccessRule(is_group=False, name="daemon", role=Role.CANCEL, accounts=frozenset({MAIN})),
    AccessRule(is_group=False, name="bin", role=Role.ADMIN, accounts=None),
    AccessRule(is_group=False, name="mail", role=Role.OBSERVE, accounts=None),
)


class Account:
    """An account, as far as a binding looks at it."""

    def __init__(self, name: AccountName) -> None:
        self.name = name
        self.dialect = dialect_for("okx", Profile())

    def product_of(self, product: str | None) -> str:
        if product is not None:
            raise BadRequest("invalid_params", "it has none", path="product")
        return ""


class Rest:
    """The journal, the publisher and the bulk cancels: nothing of them matters here."""

    def keep_binding(self, tie: object, on_commit: Any) -> None:
        on_commit(True)

    def drop_binding(self, binding: object) -> None:
        pass

    def session(self, row: object) -> None:
        pass


def peer(user: str, connection: int = 1) -> Peer:
    uid = pwd.getpwnam(user).pw_uid
    return Peer(ConnectionId(connection), Caller(uid, uid, 7, user), frozenset())


@pytest.fixture
def desk() -> BindingDesk:
    rest: Any = Rest()
    live = LiveBindings({}, rest, rest, rest, Clock(), LoopTime())
    find: Any = lambda name, _: Account(name)  # noqa: E731 - as short as it is
    return BindingDesk(live, Access(RULES), Ids(1), find)


def bind(desk: BindingDesk, user: str, account: AccountName = MAIN, **how: object) -> str:
    names: list[str] = []
    scope = None if "binding_id" in how else BoundScope(account=account, all=True)
    request = msgspec.structs.replace(BindParams(scope=scope, grace_ms=None if scope is None else 100), **how)
    desk.bind(request, peer(user), 1, lambda name, _: names.append(name))
    (name,) = names
    return name


async def test_who_may_cancel_at_an_account_may_bind_there_and_nowhere_else(desk: BindingDesk) -> None:
    assert bind(desk, "nobody")
    for user, account in (("nobody", OTHER), ("mail", MAIN)):
        with pytest.raises(BadRequest, match="may not cancel"):
            bind(desk, user, account)


async def test_a_binding_is_its_users_own_and_an_admin_may_take_or_release_it(desk: BindingDesk) -> None:
    name = bind(desk, "nobody")
    for release in (False, True):
        with pytest.raises(BadRequest) as refused:
            bind(desk, "daemon", binding_id=name, release=release)
        assert refused.value.reason == "not_allowed"
    assert bind(desk, "nobody", binding_id=name) == name
    assert bind(desk, "bin", binding_id=name) == name
    assert bind(desk, "bin", binding_id=name, release=True) == name
    assert desk.seen([MAIN], 1) == ([], 0)


async def test_a_status_shows_those_of_the_accounts_that_one_may_see(desk: BindingDesk) -> None:
    bind(desk, "nobody")
    bind(desk, "bin", OTHER)
    seen, total = desk.seen([MAIN], 1)
    assert [(one.account, one.scope, one.state, one.fires_in_ms) for one in seen] == [
        ("main", "all orders of main", "held", None)
    ]
    assert total == 1
    assert desk.seen([MAIN, OTHER], 1)[1] == 2
