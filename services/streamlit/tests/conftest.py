"""Fixtures of the page's tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
import stub as stand_in
from streamlit.testing.v1 import AppTest

PAGE = Path(__file__).parent.parent / "page.py"
Open = Callable[..., AppTest]


@pytest.fixture
def stub() -> Iterator[stand_in.Stub]:
    with stand_in.running() as stub:
        yield stub


@pytest.fixture
def open_page(stub: stand_in.Stub, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens a screen, as an address with these parameters does, in a page that has the stub for all its services."""
    st.cache_data.clear()
    st.cache_resource.clear()
    for variable in ("API_BASE_URL", "MLFLOW_TRACKING_URI", "PROMETHEUS_URL"):
        monkeypatch.setenv(variable, stub.url)
    monkeypatch.delenv("API_KEY", raising=False)

    def opened(screen: str = "battle", **address: str) -> AppTest:
        page = AppTest.from_file(str(PAGE), default_timeout=20)
        for key, value in address.items():
            page.query_params[key] = value
        # The navigation is known once the page has run, which is also when the address is read.
        if screen != "battle":
            page.run()
            page.switch_page(f"screens/{screen}.py")
            for key, value in address.items():
                page.query_params[key] = value
        stub.asked.clear()
        return page.run()

    return opened
