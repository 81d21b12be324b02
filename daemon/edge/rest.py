"""The REST pool of one account: signed calls out, raw answers or typed failures back.

It knows HTTP and nothing of what is said in it. What it is careful about:

* whether bytes may have left. A cancel that certainly never left may take another road; of any other nobody knows. The
  line is drawn when the request is about to be written on an open connection.
* being ready. Connections stay open well past the rhythm in which the gateway makes a cheap call.
* nothing clever: no redirects, no cookies, no proxy out of the environment, and no second try of anything but a GET.
* bounds: on the number of connections, on each wait, on the size of an answer.

A failure's text never holds an address or a query, since some venues sign in the query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import aiohttp
from yarl import URL

from daemon.edge.outside import CallFailed, Flight
from daemon.edge.why import why_of
from protocols.rest import RestResponse

if TYPE_CHECKING:
    from types import SimpleNamespace, TracebackType

    from daemon.edge.net import Egress
    from daemon.edge.settings import Waits
    from protocols.rest import SignedCall

CONNECTIONS_MAX: Final = 32
"""To the venue's host at once. Rate rules allow some tens of calls a second, each of some tens of milliseconds."""
KEEP_ALIVE_S: Final = 55.0
"""Longer than the rhythm of the warming call by far, and under the minute at which front servers commonly cut."""
DNS_TTL_S: Final = 60
"""A resolver must not stand between a cancel and the venue each time, and venues do move."""
BODY_BYTES_MAX: Final = 33_554_432
"""The longest lists of instruments are some megabytes."""
USER_AGENT: Final = "canceld"


class _NoSecondTry(Exception):
    """Carries a broken connection past the client's own retry."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause
        super().__init__(str(type(cause).__name__))


class RestPool:
    """Warm connections to one base address. Use as an asynchronous context manager."""

    def __init__(self, base: str, egress: Egress, waits: Waits) -> None:
        self._base = base
        self._egress = egress
        self._waits = waits
        self._client: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the pool; nothing is dialed yet."""
        tracing = aiohttp.TraceConfig()
        tracing.on_request_headers_sent.append(_note_sent)
        tracing.freeze()
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=CONNECTIONS_MAX,
                ttl_dns_cache=DNS_TTL_S,
                keepalive_timeout=KEEP_ALIVE_S,
                ssl=self._egress.tls,
                local_addr=self._egress.local_addr,
                family=self._egress.family,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": USER_AGENT},
            trace_configs=[tracing],
            trust_env=False,
            raise_for_status=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        if self._client is not None:
            await self._client.close()

    async def call(self, signed: SignedCall, total_s: float, flight: Flight | None = None) -> RestResponse | CallFailed:
        """Make one call, within ``total_s``. Only cancellation is raised; then ``flight`` says whether bytes left."""
        flight = flight or Flight()
        if self._client is None:
            return CallFailed("the pool is not open", handed_over=False)
        try:
            return await self._exchange(self._client, signed, total_s, flight)
        except _NoSecondTry as error:
            return CallFailed(why_of(error.cause), handed_over=flight.is_sent)
        except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: an address that is none
            return CallFailed(why_of(error), handed_over=flight.is_sent)

    async def _exchange(
        self, client: aiohttp.ClientSession, signed: SignedCall, total_s: float, flight: Flight
    ) -> RestResponse | CallFailed:
        proxy = self._egress.proxy
        async with client.request(
            signed.method,
            URL(self._base + signed.target, encoded=True),
            headers=signed.headers,
            data=signed.body or None,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(
                total=total_s, connect=self._waits.rest_connect_s, sock_connect=self._waits.rest_connect_s
            ),
            proxy=proxy.reveal() if proxy is not None else None,
            trace_request_ctx=flight,
            middlewares=() if signed.method == "GET" else (_send_once,),
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > BODY_BYTES_MAX:
                    response.close()
                    return CallFailed("the answer is too long", handed_over=True)
            headers = tuple((name.lower(), value) for name, value in response.headers.items())
            return RestResponse(response.status, bytes(body), headers)


async def _note_sent(
    _client: aiohttp.ClientSession, context: SimpleNamespace, _params: aiohttp.TraceRequestHeadersSentParams
) -> None:
    """Called when a connection is open and the request is about to be written on it."""
    flight = context.trace_request_ctx
    if isinstance(flight, Flight):
        flight.sent()


async def _send_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep the client from sending again on a fresh connection what an old one may have delivered."""
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _NoSecondTry(error) from error
