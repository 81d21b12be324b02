"""Orders that go by one client id, as a venue reports them, and a request that names it alone."""

from __future__ import annotations

from tests.core.story import Story
from tests.core.words import T0_MS, Said

OURS = Said(order="o1", alias="y", cum="0", created_ms=T0_MS - 60_000, updated_ms=T0_MS + 50)
OLDER = Said(order="o0", alias="y", cum="0", created_ms=T0_MS - 3_600_000, updated_ms=T0_MS - 1_800_000)
OURS_ELSEWHERE = Said(**{**OURS, "instrument": "OTHER"})
OLDER_FILLED = Said(**{**OLDER, "cum": "10"})
NEWER = Said(order="o2", alias="y", cum="0", created_ms=T0_MS + 10_000)


def by_alias() -> Story:
    """Tell the story of a request by client id alone."""
    story = Story()
    story.submit(None, alias="y")
    return story
