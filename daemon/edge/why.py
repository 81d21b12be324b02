"""Says why a connection or a call failed, in words that are fit for a log, a client and the journal.

What the libraries say may hold an address, a header, or a query with a signature in it; so nothing of theirs is passed
on but kinds, numbers, and texts that are known to hold none of it.
"""

from __future__ import annotations

import os
import socket
import ssl

import aiohttp
from websockets.exceptions import InvalidStatus

from daemon.edge.net import ProxyRefused


def why_of(error: BaseException) -> str:
    """Say what went wrong without an address, a header or a body."""
    match _cause_of(error):
        case TimeoutError():
            return "time-out"
        case ProxyRefused() as refused:
            return str(refused)
        case InvalidStatus(response=response):
            return f"the handshake was answered with HTTP {response.status_code}"
        case aiohttp.ServerDisconnectedError():
            return "the venue closed the connection"
        case OSError() as failure:
            return _why_of_system(failure)
        case other:
            return type(other).__name__


def _cause_of(error: BaseException) -> BaseException:
    """Look into the HTTP client's wrappings."""
    match error:
        case aiohttp.ClientConnectorCertificateError(certificate_error=inner):
            return inner
        case aiohttp.ClientConnectorError(os_error=inner):
            return inner
    return error


def _why_of_system(error: OSError) -> str:
    match error:
        case ssl.SSLCertVerificationError(verify_message=message):
            return f"the certificate does not verify: {message}"
        case ssl.SSLError(reason=str(reason)):
            return f"TLS: {reason}"
        case socket.gaierror(strerror=str(text)):
            return text
        case OSError(errno=int(number)):
            return os.strerror(number)
    return type(error).__name__
