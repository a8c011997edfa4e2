"""Fixtures of the page's tests."""

from collections.abc import Iterator

import pytest
import stub as stand_in


@pytest.fixture
def stub() -> Iterator[stand_in.Stub]:
    with stand_in.running() as stub:
        yield stub
