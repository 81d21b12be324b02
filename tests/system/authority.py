"""A private certificate authority, made with openssl for one test module."""

from __future__ import annotations

import ssl
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CURVE = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"


class Authority:
    """A private authority, and the certificates that it signs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "ca.pem"
        self._run(f"req -x509 {CURVE} -days 2 -subj /CN=authority -keyout ca.key -out ca.pem "
                  "-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign")  # fmt: skip

    def context(self, name: str, *, days: int = 1) -> ssl.SSLContext:
        """Sign a server's certificate for a name; with fewer days than one it has expired."""
        (self.folder / "extensions").write_text(f"subjectAltName={name}\n")
        self._run(f"req {CURVE} -subj /CN=venue -keyout venue.key -out venue.csr")
        self._run("x509 -req -in venue.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile extensions "
                  f"-days {days} -out venue.pem")  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "venue.pem", self.folder / "venue.key")
        return context

    def _run(self, arguments: str) -> None:
        subprocess.run(["openssl", *arguments.split()], cwd=self.folder, check=True, capture_output=True)
