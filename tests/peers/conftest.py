"""The mark of the tests that need other people's clients."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "peers: other people's clients drive a simulated venue (needs .venv-peers)")
