"""A desk behind the socket that `cancelctl` talks to, and what its tests read its words with."""

import json
import sys

import pytest

from tests.desks import Elsewhere, FakeDesk, answer_with

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def desk(elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> FakeDesk:
    """A desk behind the socket that cancelctl talks to."""
    desk = FakeDesk()
    desk.when_canceled = answer_with()
    monkeypatch.setenv("CANCELD_SOCKET", str(elsewhere.path))
    elsewhere.start(desk)
    return desk


def one_object(captured: str) -> dict[str, object]:
    assert captured.endswith("\n")
    assert captured.count("\n") == 1
    found = json.loads(captured)
    assert isinstance(found, dict)
    return found


def cancelctl(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "import sys; from daemon.ctl import main; sys.exit(main())", *arguments]
