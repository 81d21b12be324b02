"""Reading the network addresses of a configuration: bases of endpoints, a proxy, a local address, HOST:PORT.

Each function gives the value, or raises `ConfigMistake` with the path that it was given. It connects to nothing and
resolves no name, so ``loopback`` means what can be nothing else: 127.0.0.0/8, ::1, and the name localhost. An address
that carries a user name or password is never shown.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from daemon.config.model import Address
from daemon.config.table import shown
from protocols.errors import ConfigMistake

if TYPE_CHECKING:
    from ipaddress import IPv4Address

PORT_MAX: Final = 65_535
_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*\.?")
_PLAIN_TEXT = re.compile(r"[!-~]+")


def is_loopback(host: str) -> bool:
    """Say whether ``host`` (a name or an address, without brackets) can only be this machine."""
    if host.lower() == "localhost":
        return True
    address = _ip(host)
    if isinstance(address, IPv6Address):
        return address == IPv6Address("::1")
    return address is not None and address.is_loopback


def read_base(path: str, text: str, schemes: tuple[str, str]) -> str:
    """Read the base of a venue's addresses: ``schemes`` are the plain one, for loopback only, and the encrypted one."""
    plain, encrypted = schemes
    parts = _split(path, text, f"write {encrypted}://HOST or {encrypted}://HOST:PORT")
    if parts.scheme not in schemes:
        raise ConfigMistake(path, f"{shown(text)} does not start with {encrypted}://", f"write {encrypted}://HOST")
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise ConfigMistake(path, f"{shown(text)} has a query or fragment", "write the base alone")
    if text.endswith("/"):
        raise ConfigMistake(path, f"{shown(text)} ends with a slash", "remove it: the venue's paths bring their own")
    if parts.scheme == plain and not is_loopback(parts.hostname or ""):
        what = f"{shown(text)} is plain {plain} to another machine: keys and orders would be readable on the way"
        raise ConfigMistake(path, what, f"write {encrypted}://, or a loopback address")
    return text


def read_host(path: str, text: str) -> str:
    """Read the name of a host, without a scheme or port, in small letters."""
    if not _HOST.fullmatch(text):
        raise ConfigMistake(path, f"{shown(text)} is not the name of a host", "write HOST, such as api.example.com")
    return text.lower()


def read_proxy(path: str, text: str) -> str:
    """Read a proxy's address: ``http://HOST:PORT``. What goes through it to a venue is encrypted end to end."""
    fix = "write http://HOST:PORT"
    parts = _split(path, text, fix)
    if parts.scheme != "http" or parts.port is None or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ConfigMistake(path, f"{shown(text)} is not the address of an HTTP proxy", fix)
    return text.rstrip("/")


def read_source_address(path: str, text: str) -> str:
    """Read a local IP address."""
    address = _ip(text)
    if address is None or address.is_unspecified or address.is_multicast:
        what = f"{shown(text)} is not an IP address of this host"
        raise ConfigMistake(path, what, "write one of those that `ip address` lists, or leave the key out")
    return str(address)


def read_loopback_address(path: str, text: str) -> Address:
    """Read HOST:PORT on loopback; an IPv6 address stands in brackets."""
    fix = "write 127.0.0.1:PORT or [::1]:PORT"
    match = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]]+)):([0-9]{1,5})", text)
    if match is None:
        raise ConfigMistake(path, f"{shown(text)} is not HOST:PORT", fix)
    host, port = match[1] or match[2], int(match[3])
    if not 1 <= port <= PORT_MAX:
        raise ConfigMistake(path, f"port {port} does not exist", f"write a port from 1 to {PORT_MAX}")
    if not is_loopback(host):
        what = f"{shown(host)} is not a loopback address: the numbers would be readable from outside"
        raise ConfigMistake(path, what, fix)
    return Address(host, port)


def _split(path: str, text: str, fix: str) -> SplitResult:
    """Take an address apart, and refuse what no address of ours may have."""
    if not _PLAIN_TEXT.fullmatch(text):
        raise ConfigMistake(path, "holds blanks or characters beyond ASCII", fix)
    if "@" in text:
        what = "holds an @, as if for a user name or password (not shown here)"
        raise ConfigMistake(path, what, f"remove all before it: {fix}")
    try:
        parts = urlsplit(text)
        port_is_zero = parts.port == 0
    except ValueError:
        raise ConfigMistake(path, f"{shown(text)} is not an address", fix) from None
    host = parts.hostname or ""
    if port_is_zero or not (_HOST.fullmatch(host) or _ip(host)):
        raise ConfigMistake(path, f"{shown(text)} names no host and port that could exist", fix)
    return parts


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return None if isinstance(address, IPv6Address) and address.scope_id else address
