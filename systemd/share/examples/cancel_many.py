#!/usr/bin/env python3
"""Cancel many orders at once, over one connection, and say what became of each.

    cancel_many.py ACCOUNT INSTRUMENT ORDER_ID...

It takes the client library from `daemon.client_async` where canceld is installed, else from a file beside it, made by
`canceld client-source > canceld_client.py`. Exits with 0 only if each order was canceled.
"""

from __future__ import annotations

import asyncio
import sys

try:
    from canceld_client import AsyncClient, ClientError
except ImportError:
    from daemon.client import ClientError
    from daemon.client_async import AsyncClient


async def main(account: str, instrument: str, orders: list[str]) -> int:
    """Cancel them, and print a line as each outcome comes."""
    failed = 0
    async with AsyncClient(name="cancel_many") as canceld:

        async def cancel(order_id: str) -> None:
            nonlocal failed
            try:
                # The request is named after the order: asking again under that name never cancels twice.
                result = await canceld.cancel(account, instrument, order_id=order_id, request_id=f"py-{order_id}")
            except ClientError as error:  # no daemon, no answer in time, or refused: nothing was sent then
                print(order_id, error, sep="\t", flush=True)
                failed += 1
                return
            stands = result.latest or result  # an outcome may have been corrected since
            filled = "-" if stands.cum_qty is None else stands.cum_qty
            print(order_id, stands.outcome, filled, "" if stands.cum_qty_final else "so far", sep="\t", flush=True)
            failed += stands.outcome != "canceled"

        await asyncio.gather(*map(cancel, orders))
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:])))
