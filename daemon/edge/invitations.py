"""Lets those whom ``[access]`` names open the socket, though they are not in its group: by the file's access list.

The file keeps its mode 0660, and is opened to nobody else. What is written is what ``setfacl -m u:NAME:rw`` would write
(acl(5); the layout is that of linux/posix_acl_xattr.h). Who somebody is, and what he may then do, is not decided here.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

_ATTRIBUTE: Final = "system.posix_acl_access"
_VERSION: Final = struct.pack("<I", 2)
_ENTRY: Final = struct.Struct("<HHI")  # tag, permissions, id
_OWNER, _USER, _OWNING_GROUP, _GROUP, _MASK, _OTHERS = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_NO_ID: Final = 0xFFFF_FFFF
_READ_WRITE: Final = 6  # connecting to a socket needs the right to write


def invite(socket_file: Path, uids: Collection[int], gids: Collection[int]) -> None:
    """Let users and groups open a socket file of mode 0660 that is ours.

    Raises `OSError` where its file system keeps no access lists.
    """
    if not uids and not gids:
        return
    entries = [
        (_OWNER, _READ_WRITE, _NO_ID),
        *((_USER, _READ_WRITE, uid) for uid in sorted(set(uids))),
        (_OWNING_GROUP, _READ_WRITE, _NO_ID),
        *((_GROUP, _READ_WRITE, gid) for gid in sorted(set(gids))),
        (_MASK, _READ_WRITE, _NO_ID),
        (_OTHERS, 0, _NO_ID),
    ]
    os.setxattr(socket_file, _ATTRIBUTE, _VERSION + b"".join(_ENTRY.pack(*entry) for entry in entries))
