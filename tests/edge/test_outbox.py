"""What leaves to one client: the first line of a turn at once, those after it together, in their order and bounded."""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from daemon.edge.outbox import GATHERED_BYTES_MAX, Outbox
from protocols.control.params import Topic

if TYPE_CHECKING:
    from asyncio import WriteTransport


class Transport:
    """Keeps what is written to it, write by write."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        assert not self.is_closed
        self.writes.append(data)

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int, low: int) -> None:
        assert low <= high


class Turn:
    """A turn of the loop, which ends when it is told to."""

    def __init__(self) -> None:
        self._calls: list[Callable[[], None]] = []

    def soon(self, call: Callable[[], None]) -> None:
        self._calls.append(call)

    def end(self) -> None:
        calls, self._calls = self._calls, []
        for call in calls:
            call()


def overflowed() -> None:
    raise AssertionError("nothing is to overflow here")


def an_outbox() -> tuple[Outbox, list[bytes], Turn]:
    turn, transport = Turn(), Transport()
    box = Outbox(cast("WriteTransport", transport), turn.soon, overflowed)
    return box, transport.writes, turn


def test_the_first_line_of_a_turn_goes_at_once_and_the_others_together_at_its_end() -> None:
    box, writes, turn = an_outbox()
    box.answer(b"1")
    assert writes == [b"1"]
    box.notify(Topic.OUTCOMES, 1, b"2")
    box.mention(b"3")
    box.answer(b"4")
    assert writes == [b"1"]
    turn.end()
    assert writes == [b"1", b"234"]
    box.answer(b"5")
    assert writes == [b"1", b"234", b"5"]


def test_what_is_gathered_is_bounded() -> None:
    box, writes, _ = an_outbox()
    lines = [bytes([number]) * (GATHERED_BYTES_MAX // 4) for number in range(9)]
    for line in lines:
        box.answer(line)
    assert writes == [lines[0], b"".join(lines[1:5]), b"".join(lines[5:9])]


def test_closing_sends_what_was_gathered() -> None:
    box, writes, turn = an_outbox()
    box.answer(b"1")
    box.answer(b"2")
    box.close()
    turn.end()
    assert writes == [b"1", b"2"]


def test_a_connection_that_is_gone_gets_nothing_more() -> None:
    box, writes, turn = an_outbox()
    box.answer(b"1")
    box.answer(b"2")
    box.end()
    turn.end()
    assert writes == [b"1"]
