"""Rows of listings that are kept: written anew as soon as the order or the venue's clock is another."""

from decimal import Decimal

from daemon.sim.book import Book, EndedBy, NewOrder, Order, Side
from daemon.sim.clock import VenueClock
from daemon.sim.faults import Fault, FaultEngine, Meaning
from daemon.sim.printed import PRINTED_MAX, Printed
from daemon.sim.wire import JsonObject


class Press:
    """A book, and how often a row was written."""

    def __init__(self) -> None:
        self.faults = FaultEngine("a venue", {Fault.SKEW: Meaning("-?[0-9]+", standing=True)}, 1)
        self.book = Book(1, per_instrument_max=9_999, total_max=9_999)
        self.printed = Printed(self.faults, self._write)
        self.written = 0
        self._clock = VenueClock(self.faults)

    def _write(self, order: Order) -> JsonObject:
        self.written += 1
        return {"status": order.ord_status.value, "uTime": self._clock.ms_text(order.updated_us)}

    def order(self) -> Order:
        return self.book.place(NewOrder(instrument="A", side=Side.BUY, price=Decimal(1), qty=Decimal(1)), 5_000)


def test_a_row_is_written_once() -> None:
    press = Press()
    order = press.order()
    assert press.printed.row(order) is press.printed.row(order)
    assert press.written == 1


def test_another_state_and_the_one_before_have_rows_of_their_own() -> None:
    press = Press()
    rests = press.order()
    ended = press.book.cancel(rests.order_id, EndedBy.OTHER, 6_000)
    assert [press.printed.row(order)["status"] for order in (rests, ended, rests)] == ["new", "canceled", "new"]


def test_a_clock_that_is_moved_moves_the_times_of_a_row_that_was_written() -> None:
    press = Press()
    order = press.order()
    assert press.printed.row(order)["uTime"] == "5"
    press.faults.add(press.faults.parse_spec("SKEW(2)"))
    assert press.printed.row(order)["uTime"] == "2005"
    press.faults.clear()
    assert press.printed.row(order)["uTime"] == "5"


def test_no_more_rows_are_kept_than_the_bound() -> None:
    press = Press()
    first = press.order()
    for order in (first, *(press.order() for _ in range(PRINTED_MAX))):
        press.printed.row(order)
    press.printed.row(first)
    assert press.written == PRINTED_MAX + 2
