"""The control door of a simulated venue: orders placed, filled and looked up behind the daemon's back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import aiohttp
import msgspec

from daemon.demo.score import Truth

if TYPE_CHECKING:
    from collections.abc import Sequence

CALL_S: Final = 20.0
_CONFLICT: Final = 409


class DoorError(RuntimeError):
    """The simulated venue refused what the demonstration wanted."""


class _Row(msgspec.Struct, frozen=True):
    order_id: str
    instrument: str
    ord_status: str
    cum_qty: str


class _Rows(msgspec.Struct, frozen=True):
    orders: list[_Row]


class Stats(msgspec.Struct, frozen=True):
    """What a venue counted: cancels by order, breaches of its limits by rule, faults by name."""

    cancels: dict[str, int]
    breaches: dict[str, int]
    faults: dict[str, int]


class Door:
    """One venue's door. Close it when done."""

    def __init__(self, url: str) -> None:
        self._http = aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(total=CALL_S), trust_env=False)

    async def close(self) -> None:
        """Let go of its connections."""
        await self._http.close()

    async def place(self, orders: Sequence[dict[str, str]]) -> list[str]:
        """Rest orders; gives their ids in the same sequence."""
        raw = await self._call("POST", "/_sim/orders", list(orders))
        return [row.order_id for row in msgspec.json.decode(raw, type=_Rows).orders]

    async def fill(self, order_id: str, qty: str | None = None) -> bool:
        """Trade an order, whole or in part; False if it had ended before."""
        body = {} if qty is None else {"qty": qty}
        try:
            await self._call("POST", f"/_sim/orders/{order_id}/fill", body)
        except DoorError as error:
            if error.args[0] == _CONFLICT:
                return False
            raise
        return True

    async def truths(self) -> dict[str, Truth]:
        """Read its books: each order by its id."""
        rows = msgspec.json.decode(await self._call("GET", "/_sim/orders", None), type=_Rows).orders
        return {row.order_id: Truth(row.order_id, row.instrument, row.ord_status, row.cum_qty) for row in rows}

    async def stats(self) -> Stats:
        """Read what it counted."""
        return msgspec.json.decode(await self._call("GET", "/_sim/stats", None), type=Stats)

    async def _call(self, method: str, path: str, body: object) -> bytes:
        data = None if body is None else msgspec.json.encode(body)
        async with self._http.request(method, path, data=data) as answer:
            raw = await answer.read()
            if answer.status >= 400:
                raise DoorError(answer.status, raw.decode(errors="replace"))
            return raw
