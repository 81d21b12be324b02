"""Reading one ``[accounts.NAME]`` table: the venue, the roads to it, and its numbers over the daemon's.

What a venue has (product lines, roads, timings) comes as its traits, so that no venue is named here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Protocol

from daemon.config import settings
from daemon.config.addresses import is_loopback, read_base, read_host, read_proxy, read_source_address
from daemon.config.deadman import read_dead_man
from daemon.config.model import AccountConfig
from daemon.config.table import shown, suggestion
from protocols.dialect import Endpoints, Profile, Timings, Traits
from protocols.errors import ConfigMistake
from protocols.fix import AccountName, OrderEntry, Road

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.config.effective import Effective
    from daemon.config.table import Table


class HasTraits(Protocol):
    """What of a dialect is looked at here."""

    @property
    def traits(self) -> Traits:
        """Give the venue's product lines, roads and timings."""
        ...


Venues = Mapping[str, Callable[[Profile], HasTraits]]
"""By a venue's name what makes its dialect, which raises `ConfigMistake` for a profile that the venue cannot serve."""

_OF_PROFILE = frozenset({"environment", "products", "endpoints"})
"""Keys that a `Profile` is made of."""
_NAME = re.compile(r"[a-z0-9._-]{1,32}")


def read_account(
    accounts: Table, name: str, folder: Path, daemon_numbers: Effective, venues: Venues
) -> AccountConfig | None:
    """Read the account ``name``. The result is good only if no mistake was noted; None: there is no table at all."""
    if not _NAME.fullmatch(name):
        accounts.mistake(name, "is not an account name", "use 1 to 32 of the characters a-z 0-9 . _ -")
    table = accounts.table(name)
    if table is None:
        return None
    venue, traits = _venue(table, venues)
    numbers = daemon_numbers.overridden_by(table).over(traits.timings if traits else Timings())
    account = AccountConfig(
        name=AccountName(name),
        venue=venue,
        environment=table.choice(settings.ENVIRONMENT),
        credentials=_credentials(table),
        takes_passphrase=traits is not None and traits.takes_passphrase,
        order_entry=_order_entry(table, traits),
        products=_products(table, traits),
        endpoints=_endpoints(table, traits),
        ca_file=table.optional_file(settings.CA_FILE, folder),
        proxy=table.parsed(settings.PROXY, read_proxy),
        source_address=table.parsed(settings.SOURCE_ADDRESS, read_source_address),
        timings=numbers.timings(),
        correction_window_h=numbers.value(settings.CORRECTION_WINDOW_H),
        request_retention_h=numbers.value(settings.REQUEST_RETENTION_H),
        cases_max=int(numbers.value(settings.CASES_MAX)),
        orders_max=int(numbers.value(settings.ORDERS_MAX)),
        dead_man=read_dead_man(table, traits),
    )
    _refuse_plain_text_abroad(table, account)
    if traits is not None:
        numbers.refuse_disorder(table)
        _refuse_unserved(table, account, venues)
    table.refuse_unknown(dict.fromkeys(settings.names(settings.DAEMON), "[daemon]"))
    return account


def _venue(table: Table, venues: Venues) -> tuple[str, Traits | None]:
    venue = table.required_text(settings.VENUE)
    if venue in venues:
        return venue, venues[venue](Profile()).traits
    if "venue" not in table.mistaken:
        fix = f"{suggestion(venue, venues)} known are {', '.join(sorted(venues))}".lstrip()
        table.mistake("venue", f"{shown(venue)} is not a venue", fix)
    return venue, None


def _credentials(table: Table) -> str:
    text = table.required_text(settings.CREDENTIALS)
    if text in {".", ".."} or text.endswith("/"):
        table.mistake("credentials", "names a folder", "write the name of a file, or a path with a slash")
    return text


def _order_entry(table: Table, traits: Traits | None) -> OrderEntry:
    entry = table.choice(settings.ORDER_ENTRY)
    if traits is not None and entry is not OrderEntry.WS_THEN_REST and Road(entry.value) not in traits.roads:
        roads = " and ".join(road.value for road in traits.roads)
        table.mistake("order_entry", f'"{entry}" is no road at {traits.venue}', f"its cancels go by {roads}")
    return entry


def _products(table: Table, traits: Traits | None) -> tuple[str, ...]:
    products = table.words(settings.PRODUCTS) or ()
    if not products or traits is None:
        return products
    lines = [line for line in traits.products if line]
    if not lines:
        table.mistake("products", f"{traits.venue} has a single product line", "leave the key out")
        return products
    for product in products:
        if product not in lines:
            fix = f"{suggestion(product.upper(), lines)} known are {', '.join(lines)}".lstrip()
            table.mistake("products", f"{shown(product)} is not a product line of {traits.venue}", fix)
    return products


def _endpoints(account: Table, traits: Traits | None) -> Endpoints | None:
    table = account.table("endpoints")
    if table is None:
        return None
    rest = table.parsed(settings.ENDPOINT_REST, partial(read_base, schemes=("http", "https")))
    ws = table.parsed(settings.ENDPOINT_WS, partial(read_base, schemes=("ws", "wss")))
    for key in ("rest", "ws"):
        if key not in table:
            table.mistake(key, "is missing", "name both, so that no account speaks with two places")
    signed = table.parsed(settings.ENDPOINT_SIGNATURE_HOST, read_host)
    if signed and traits is not None and not traits.signs_host:
        table.mistake("signature_host", f"has no meaning at {traits.venue}, which signs no host", "leave it out")
    table.refuse_unknown()
    return Endpoints(rest=rest, ws=ws, signature_host=signed or "") if rest and ws else None


def _refuse_unserved(table: Table, account: AccountConfig, venues: Venues) -> None:
    """Note what the venue itself says against the account's profile, such as an environment that it has not."""
    if table.mistaken & _OF_PROFILE:
        return
    try:
        venues[account.venue](account.profile())
    except ConfigMistake as mistake:
        table.mistake(mistake.path, mistake.what, mistake.fix)


def _refuse_plain_text_abroad(table: Table, account: AccountConfig) -> None:
    """Note a proxy or a source address that contradicts an endpoint on loopback."""
    bases = (account.endpoints.rest, account.endpoints.ws) if account.endpoints else ()
    plain = [base for base in bases if base.lower().startswith(("http:", "ws:"))]
    if not plain:
        return
    if account.proxy:
        what = f"would carry {shown(plain[0])} away from this host, and that is not encrypted"
        table.mistake("proxy", what, "leave out proxy, or use https and wss")
    if account.source_address and not is_loopback(account.source_address):
        what = f"cannot reach {shown(plain[0])}, which is on loopback"
        table.mistake("source_address", what, "leave it out, or use https and wss")
