"""The file of the intake by itself: what was written reads back, whatever a crash or a disk did to what came last."""

import contextlib
import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.edge.journal import receipts
from daemon.edge.journal.receipts import SLOT_BYTES, Entry, NoRoom, NotReceipts, ReceiptFile, begin, read
from protocols.errors import JournalError
from tests.edge.intake_rig import open_files

T0 = 1_700_000_000_000_000
SLOTS = 12
HEAD = receipts._HEAD_BYTES
TOO_LONG = receipts._HEAD.ljust((SLOTS + 1) * SLOT_BYTES + 1, b"\0")
ONE, TWO, THREE = 300, 700, 1_200
"""Sizes of bodies that have so many slots."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite-intake"


@pytest.fixture(autouse=True)
def few_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "SLOTS", SLOTS)


@pytest.fixture
def file(path: Path) -> Iterator[ReceiptFile]:
    with closing(begin(path)) as file:
        yield file


def body(number: int, size: int = ONE) -> bytes:
    return b'["%d"]' % number * (size // len(b'["%d"]' % number))


def write(file: ReceiptFile, *numbers: int, size: int = ONE, struck_to: int = 0) -> None:
    file.write(numbers, [body(number, size) for number in numbers], T0, struck_to)


def entry(number: int, size: int = ONE) -> Entry:
    return Entry(number, T0, body(number, size))


def slot(number: int) -> int:
    """Give where a slot begins in the file."""
    return (number + 1) * SLOT_BYTES


def put(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


# ---------------------------------------------------------------- what is written


def test_what_is_written_reads_back_in_the_order_of_its_numbers(path: Path, file: ReceiptFile) -> None:
    write(file, 1)
    write(file, 2, 3)
    write(file, 4, size=THREE)
    assert read(path) == [entry(1), entry(2), entry(3), entry(4, THREE)]


@pytest.mark.parametrize("size", [0, 1, SLOT_BYTES - HEAD - 1, SLOT_BYTES - HEAD, SLOT_BYTES - HEAD + 1, 5_000])
def test_a_body_of_any_size_reads_back(path: Path, file: ReceiptFile, size: int) -> None:
    file.write([7, 8], [b"x" * size, b"y"], T0, 0)
    assert read(path) == [Entry(7, T0, b"x" * size), Entry(8, T0, b"y")]


def test_the_greatest_numbers_read_back(path: Path, file: ReceiptFile) -> None:
    file.write([2**64 - 1], [b"x"], 2**63 - 1, 2**64 - 2)
    assert read(path) == [Entry(2**64 - 1, 2**63 - 1, b"x")]


def test_a_file_is_its_owners_alone_and_of_one_size(path: Path, file: ReceiptFile) -> None:
    before = path.stat()
    assert (before.st_mode & 0o777, before.st_size) == (0o600, slot(SLOTS))
    assert before.st_blocks * 512 >= before.st_size  # nothing has to be found for it later
    write(file, *range(SLOTS))
    assert path.stat().st_size == before.st_size


# ---------------------------------------------------------------- going round


def test_what_the_journal_has_is_written_over_and_nothing_else(path: Path, file: ReceiptFile) -> None:
    for number in range(1, 100):
        write(file, number, size=TWO, struck_to=max(0, number - 3))
        assert read(path) == [entry(seen, TWO) for seen in range(max(1, number - 2), number + 1)]


def test_where_nothing_is_free_that_is_said_and_what_is_there_counts(path: Path, file: ReceiptFile) -> None:
    write(file, 1, 2, size=TWO)
    write(file, 3, 4, 5, size=TWO)
    for struck_to in (0, 1):  # half a batch gives nothing back
        with pytest.raises(NoRoom, match="has not got enough yet"):
            write(file, 6, size=THREE, struck_to=struck_to)
    assert read(path) == [entry(number, TWO) for number in range(1, 6)]
    write(file, 7, size=THREE, struck_to=2)
    assert read(path) == [entry(3, TWO), entry(4, TWO), entry(5, TWO), entry(7, THREE)]


def test_every_slot_is_used_before_it_is_said_that_there_is_no_room(path: Path, file: ReceiptFile) -> None:
    for number in range(1, SLOTS + 1):
        write(file, number)
    with pytest.raises(NoRoom):
        write(file, SLOTS + 1)
    assert read(path) == [entry(number) for number in range(1, SLOTS + 1)]


def test_what_has_no_room_in_the_whole_file_waits_for_the_journal(path: Path, file: ReceiptFile) -> None:
    with pytest.raises(NoRoom):
        write(file, 1, size=SLOT_BYTES * SLOTS)
    write(file, 2)
    assert read(path) == [entry(2)]


MOST = 4
BATCHES = st.lists(st.tuples(st.lists(st.integers(1, MOST), min_size=1, max_size=3), st.integers(0, 8)), max_size=60)
"""The slots of each receipt of a batch, and how many receipts the journal is behind by then."""


@given(BATCHES)
def test_whatever_is_written_and_struck_everything_that_is_needed_reads_back(
    batches: list[tuple[list[int], int]],
) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(receipts, "SLOTS", SLOTS)
        path = Path(folder) / "intake"
        with closing(begin(path)) as file:
            needed: dict[int, bytes] = {}
            held: list[tuple[int, int]] = []
            number = struck_to = told_to = 0
            for sizes, behind in batches:
                numbers = range(number + 1, number + 1 + len(sizes))
                struck_to = max(struck_to, number - behind)
                number = numbers[-1]
                held = [batch for batch in held if batch[0] > struck_to]
                bodies = [body(one, SLOT_BYTES * size - 60) for one, size in zip(numbers, sizes, strict=True)]
                try:
                    file.write(numbers, bodies, T0, struck_to)
                except NoRoom:
                    assert sum(slots for _, slots in held) + sum(sizes) + 3 * MOST > SLOTS  # only what is in two parts
                    assert held or sum(sizes) > SLOTS
                else:
                    told_to = struck_to
                    held.append((number, sum(sizes)))
                    needed |= dict(zip(numbers, bodies, strict=True))
                there = {seen.number: seen.body for seen in read(path)}
                assert there == {one: kept for one, kept in needed.items() if one > told_to}


# ---------------------------------------------------------------- a crash in the middle of a write


@dataclass
class Torn:
    """A file before and after its last write, which lies over what the journal has, and behind what it has not."""

    before: bytes
    after: bytes
    needed: list[Entry]
    last: list[Entry]
    struck_to: int
    """Up to which number the journal has them, as it says itself, whatever the torn write says."""
    sectors: list[int] = field(init=False)
    """Where the sectors begin that the last write changed."""

    def __post_init__(self) -> None:
        places = range(0, len(self.after), SLOT_BYTES)
        self.sectors = [at for at in places if self.before[at : at + SLOT_BYTES] != self.after[at : at + SLOT_BYTES]]

    def check(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        there = [seen for seen in read(path) if seen.number > self.struck_to]  # else the journal has it
        assert there[: len(self.needed)] == self.needed
        assert all(seen in self.last for seen in there[len(self.needed) :])


@pytest.fixture(params=[False, True], ids=["over nothing", "over what the journal has"])
def torn(path: Path, request: pytest.FixtureRequest) -> Torn:
    with closing(begin(path)) as file:
        if request.param:
            write(file, 1, size=THREE)
            write(file, 2, 3, size=TWO)
            write(file, 4)
        write(file, 5, size=TWO)
        write(file, 6)
        before = path.read_bytes()
        write(file, 7, 8, size=TWO, struck_to=4)
        write_of = path.read_bytes()
    return Torn(before, write_of, [entry(5, TWO), entry(6)], [entry(7, TWO), entry(8, TWO)], 4)


def test_a_write_that_is_cut_off_at_any_byte_costs_nothing_that_was_told(path: Path, torn: Torn) -> None:
    for cut in range(torn.sectors[0], torn.sectors[-1] + SLOT_BYTES + 1):
        torn.check(path, torn.after[:cut] + torn.before[cut:])


def test_a_file_that_ends_at_any_byte_of_the_last_write_costs_nothing_that_was_told(path: Path) -> None:
    with closing(begin(path)) as file:
        write(file, 1, 2, size=TWO)
        write(file, 3, 4, size=TWO)
    content = path.read_bytes()
    for cut in range(slot(4), slot(8)):
        path.write_bytes(content[:cut])
        there = read(path)
        assert there[:2] == [entry(1, TWO), entry(2, TWO)]
        assert there[2:] in ([], [entry(3, TWO)], [entry(3, TWO), entry(4, TWO)])


def test_a_write_of_which_any_sectors_are_missing_costs_nothing_that_was_told(path: Path, torn: Torn) -> None:
    for chosen in product([False, True], repeat=len(torn.sectors)):
        content = bytearray(torn.after)
        for at, is_old in zip(torn.sectors, chosen, strict=True):
            if is_old:
                content[at : at + SLOT_BYTES] = torn.before[at : at + SLOT_BYTES]
        torn.check(path, bytes(content))


def test_a_first_write_of_which_any_sectors_are_missing_is_nothing_or_what_is_whole(path: Path) -> None:
    with closing(begin(path)) as file:
        write(file, 1, 2, size=TWO)
    content = path.read_bytes()
    for chosen in product([False, True], repeat=4):
        kept = bytearray(content)
        for number, is_missing in enumerate(chosen):
            if is_missing:
                kept[slot(number) : slot(number + 1)] = bytes(SLOT_BYTES)
        path.write_bytes(kept)
        whole = [entry(1, TWO)] * (not any(chosen[:2])) + [entry(2, TWO)] * (not any(chosen[2:]))
        assert read(path) == whole


# ---------------------------------------------------------------- damage


def test_damage_of_an_earlier_body_is_named_and_keeps_back_no_other(path: Path, file: ReceiptFile) -> None:
    write(file, 1, size=TWO)
    write(file, 2, size=TWO)
    write(file, 3, size=TWO)
    content = path.read_bytes()
    for at in range(slot(2) + HEAD, slot(2) + HEAD + len(body(2, TWO))):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert read(path) == [entry(1, TWO), Entry(2, T0, None), entry(3, TWO)]


def test_damage_of_a_head_keeps_back_no_other(path: Path, file: ReceiptFile) -> None:
    write(file, 1)
    write(file, 2)
    write(file, 3)
    content = path.read_bytes()
    for at in range(slot(1), slot(1) + HEAD):
        for bit in range(8):
            path.write_bytes(content[:at] + bytes([content[at] ^ (1 << bit)]) + content[at + 1 :])
            assert read(path) == [entry(1), entry(3)]


@pytest.mark.parametrize("damage", [b"\0" * SLOT_BYTES, b"\x5a" * SLOT_BYTES])
def test_a_file_whose_own_head_is_gone_gives_what_is_whole(path: Path, file: ReceiptFile, damage: bytes) -> None:
    write(file, 1, 2)
    put(path, 0, damage)
    assert read(path) == [entry(1), entry(2)]


@pytest.mark.parametrize("content", [b"", b"\0", b"\0" * SLOT_BYTES, b"\0" * SLOT_BYTES * (SLOTS + 1)])
def test_a_file_in_which_nothing_was_kept_yet_is_empty(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert read(path) == []


def test_a_file_that_was_begun_and_no_more_is_empty_however_much_of_it_there_is(path: Path) -> None:
    begin(path).close()
    content = path.read_bytes()
    for size in (0, 24, 100, SLOT_BYTES, SLOT_BYTES + 1, len(content)):
        path.write_bytes(content[:size])
        assert read(path) == []


@pytest.mark.parametrize(
    "content",
    [b"x", b"name,value\n", b"canceld receipts" + b"\0" * 600, b"\x5a" * 40_000, b"\0" * 600 + b"x", TOO_LONG],
)
def test_what_is_no_file_of_receipts_is_called_so(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(NotReceipts, match="it is not what canceld keeps receipts in, or it is damaged"):
        read(path)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_not_a_file_is_not_read(path: Path, make: Callable[[Path], None]) -> None:
    make(path)
    with pytest.raises(OSError, match="it is not a file"):
        read(path)


def test_the_intake_of_an_older_canceld_is_left_as_it_is_and_it_is_said_what_to_do(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE receipts (number INTEGER PRIMARY KEY, written_us INTEGER, records TEXT)")
    content = path.read_bytes()
    with pytest.raises(JournalError, match="it is of an older canceld, which a crash ended; start and stop that one"):
        read(path)
    assert path.read_bytes() == content


@given(st.binary(max_size=4_000))
def test_garbage_gives_a_list_or_the_error_for_what_is_none(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "intake"
        path.write_bytes(content)
        with contextlib.suppress(NotReceipts):
            assert all(seen.body is None or seen.body in content for seen in read(path))


SPANS = st.lists(st.tuples(st.integers(0, (SLOTS + 1) * SLOT_BYTES), st.binary(max_size=700)), max_size=6)


@given(SPANS, st.one_of(st.none(), st.integers(0, (SLOTS + 1) * SLOT_BYTES)))
def test_whatever_is_written_over_a_file_nothing_is_read_that_was_not_written(
    spans: list[tuple[int, bytes]], end: int | None
) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(receipts, "SLOTS", SLOTS)
        path = Path(folder) / "intake"
        with closing(begin(path)) as file:
            write(file, 1, 2, size=TWO)
            write(file, 3, size=THREE)
            write(file, 4)
        for at, content in spans:
            put(path, at, content)
        if end is not None:
            os.truncate(path, end)
        written = [entry(1, TWO), entry(2, TWO), entry(3, THREE), entry(4)]
        with contextlib.suppress(NotReceipts):
            there = read(path)
            assert [seen for seen in there if seen.body is not None] == [seen for seen in written if seen in there]
            assert {seen.number for seen in there} <= {1, 2, 3, 4}


# ---------------------------------------------------------------- disks and names


def no_room(_path: object, _needed: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def refuse(*_: object) -> int:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def half(descriptor: int, content: bytes, offset: int) -> int:
    return os.pwritev(descriptor, [content[: len(content) // 2]], offset)


@pytest.mark.parametrize(
    ("owner", "name", "fault"),
    [
        (receipts, "require_free", no_room),
        (os, "pwrite", refuse),
        (os, "pwrite", half),
        (os, "fsync", refuse),
        (receipts, "sync_folder", refuse),
    ],
)
def test_a_disk_that_takes_no_new_file_is_left_without_one(
    path: Path, monkeypatch: pytest.MonkeyPatch, owner: object, name: str, fault: Callable[..., object]
) -> None:
    before = open_files(path.parent)
    with monkeypatch.context() as while_it_lasts:
        while_it_lasts.setattr(owner, name, fault)
        with pytest.raises(OSError, match=r"No space left|Input/output error|a part only"):
            begin(path)
    assert not path.exists()
    assert open_files(path.parent) == before
    begin(path).close()


def test_a_file_and_its_name_are_on_the_disk_before_anything_is_kept_in_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    begin(path).close()
    assert synced == [str(path), str(path.parent)]


def test_a_disk_that_takes_a_part_of_a_write_has_not_taken_it(
    path: Path, file: ReceiptFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(file, 1)
    monkeypatch.setattr(os, "pwrite", half)
    with pytest.raises(OSError, match="the disk took a part only"):
        write(file, 2, size=TWO)
    assert read(path) == [entry(1)]


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to(path.with_name("elsewhere"))])
def test_what_stands_at_its_name_is_not_written_over(path: Path, make: Callable[[Path], None]) -> None:
    make(path)
    with pytest.raises(FileExistsError):
        begin(path)
    assert path.is_symlink() or path.exists()
    assert not path.with_name("elsewhere").exists()


def replaced(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.write_bytes(path.with_name("elsewhere").read_bytes())


def linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Path.unlink, "the file is gone"),
        (replaced, "the file was moved or replaced"),
        (linked, "the file was moved or replaced"),
        (lambda path: os.truncate(path, 0), "the file was cut or added to"),
        (lambda path: os.truncate(path, slot(SLOTS) + 1), "the file was cut or added to"),
    ],
)
def test_a_file_that_is_not_what_it_was_is_noticed_by_the_next_write(
    path: Path, file: ReceiptFile, change: Callable[[Path], object], said: str
) -> None:
    write(file, 1)
    change(path)
    with pytest.raises(JournalError, match=rf"intake: {said}; leave it alone while the daemon runs"):
        write(file, 2)


def test_a_file_that_is_replaced_while_it_is_begun_is_noticed_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "sync_folder", replaced)
    with closing(begin(path)) as file, pytest.raises(JournalError, match="moved or replaced"):
        write(file, 1)


def test_of_a_file_that_was_emptied_while_it_was_written_the_rest_is_read(path: Path, file: ReceiptFile) -> None:
    write(file, 1)
    os.truncate(path, 0)
    with pytest.raises(JournalError):
        write(file, 2)
    assert read(path) == [entry(2)]


def test_each_file_lets_go_of_what_it_opened(path: Path) -> None:
    before = open_files(path.parent)
    for _ in range(5):
        begin(path).close()
        read(path)
        path.unlink()
    assert open_files(path.parent) == before


def test_each_write_is_one_call_on_a_descriptor_that_syncs(
    path: Path, file: ReceiptFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    whole = os.pwrite

    def pwrite(descriptor: int, content: bytes, offset: int) -> int:
        with Path(f"/proc/self/fdinfo/{descriptor}").open() as said:
            calls.append(int(next(line for line in said if line.startswith("flags")).split()[1], 8))
        return whole(descriptor, content, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    write(file, 1, 2, 3, size=TWO)
    (flags,) = calls
    assert flags & os.O_DSYNC
    assert flags & os.O_CLOEXEC
    assert [seen.number for seen in read(path)] == [1, 2, 3]
