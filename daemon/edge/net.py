"""How a connection leaves this host: TLS verified, by a proxy only if the configuration says so, from a given address.

It knows TCP, TLS and the CONNECT of an HTTP proxy, and nothing of what is said over them. The environment's proxy
variables are never consulted.
"""

from __future__ import annotations

import asyncio
import base64
import fcntl
import socket
import ssl
import termios
from typing import Final, cast
from urllib.parse import unquote, urlsplit

import msgspec

from protocols.secret import Secret

PROXY_ANSWER_BYTES_MAX: Final = 16_384
"""A proxy's answer to CONNECT is a status line and a few headers."""


class Egress(msgspec.Struct, frozen=True):
    """The way out of this host. ``tls`` verifies certificates and host names."""

    tls: ssl.SSLContext
    proxy: Secret | None = None
    source_address: str | None = None

    @property
    def local_addr(self) -> tuple[str, int] | None:
        """The address to bind to, as the event loop takes it."""
        return (self.source_address, 0) if self.source_address else None

    @property
    def family(self) -> socket.AddressFamily:
        """Only addresses of the source's own family can be dialed from it."""
        if self.source_address is None:
            return socket.AF_UNSPEC
        return socket.AF_INET6 if ":" in self.source_address else socket.AF_INET


class ProxyRefused(OSError):
    """The proxy did not open the tunnel. No byte of ours went through it."""


def tls_context(ca_file: str | None = None) -> ssl.SSLContext:
    """Make a verifying context; ``ca_file`` (PEM) replaces the system's authorities. Raises `OSError`."""
    return ssl.create_default_context(cafile=ca_file)


async def connect(protocol: asyncio.Protocol, host: str, port: int, *, is_tls: bool, egress: Egress) -> None:
    """Connect ``protocol`` to a host; it is told by its `connection_made`. Raises `OSError` when that fails."""
    loop = asyncio.get_running_loop()
    tls = egress.tls if is_tls else None
    if egress.proxy is not None:
        await _connect_through(egress.proxy, protocol, host, port, tls, egress)
        return
    await loop.create_connection(
        lambda: protocol,
        host,
        port,
        ssl=tls,
        server_hostname=host if tls else None,
        family=egress.family,
        local_addr=egress.local_addr,
    )


def set_no_delay(transport: asyncio.BaseTransport) -> None:
    """Let small frames leave at once."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def has_unread(transport: asyncio.BaseTransport) -> bool:
    """Say whether the host holds something for this connection that was not read yet."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        return False
    held = bytearray(4)
    try:
        fcntl.ioctl(sock.fileno(), termios.FIONREAD, held)
    except OSError:  # it is not open any more
        return False
    return any(held)


class _Tunnel(asyncio.Protocol):
    """Asks an HTTP proxy for a tunnel and waits for its answer."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._answer = bytearray()
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)  # uvloop's are none by class

    def data_received(self, data: bytes) -> None:
        self._answer += data
        end = self._answer.find(b"\r\n\r\n")
        if self.opened.done() or (end < 0 and len(self._answer) <= PROXY_ANSWER_BYTES_MAX):
            return
        words = bytes(self._answer[:64]).split(b" ", 2)
        if end >= 0 and len(words) > 1 and words[1] == b"200":
            self.opened.set_result(None)
        else:
            status = words[1].decode("ascii", "replace")[:8] if len(words) > 1 else "nothing readable"
            self.opened.set_exception(ProxyRefused(f"the proxy answered {status}"))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(ProxyRefused("the proxy closed the connection"))


async def _connect_through(
    proxy: Secret, protocol: asyncio.Protocol, host: str, port: int, tls: ssl.SSLContext | None, egress: Egress
) -> None:
    loop = asyncio.get_running_loop()
    parts = urlsplit(proxy.reveal())
    request = _connect_request(host, port, parts.username, parts.password)
    first, tunnel = await loop.create_connection(
        lambda: _Tunnel(request),
        parts.hostname or "",
        parts.port or 80,
        family=egress.family,
        local_addr=egress.local_addr,
    )
    try:
        await tunnel.opened
        protocol.connection_made(await _secured(first, protocol, tls, host))
    except BaseException:
        first.abort()
        raise


async def _secured(
    tunnel: asyncio.Transport, protocol: asyncio.Protocol, tls: ssl.SSLContext | None, host: str
) -> asyncio.Transport:
    """Give the tunnel to its protocol, through TLS if there is to be any."""
    if tls is None:
        tunnel.set_protocol(protocol)
        return tunnel
    secured = await asyncio.get_running_loop().start_tls(tunnel, protocol, tls, server_hostname=host)
    if secured is None:
        raise ProxyRefused("the connection was lost before TLS began")
    return secured


def _connect_request(host: str, port: int, user: str | None, password: str | None) -> bytes:
    name = f"[{host}]" if ":" in host else host
    lines = [f"CONNECT {name}:{port} HTTP/1.1", f"Host: {name}:{port}"]
    if user is not None:
        pair = f"{unquote(user)}:{unquote(password or '')}".encode()
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(pair).decode()}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
