"""Monitoring: what Prometheus sees, live. One request for all charts, whoever looks."""

import time
from datetime import timedelta

import streamlit as st

from predictiondex import shell
from predictiondex.draw import watching

LIVE_SECONDS = 10
DEFAULT_SECONDS = 900


def clock_offset() -> timedelta:
    """What the visitor's clock is ahead of UTC; the browser counts the other way."""
    return timedelta(minutes=-(st.context.timezone_offset or 0))


@st.fragment(run_every=LIVE_SECONDS)
def live(seconds: int) -> None:
    """The part that renews itself, alone."""
    page = shell.page()
    with shell.guarded("watch"):
        now = int(time.time()) // shell.WATCH_SECONDS * shell.WATCH_SECONDS
        seen = shell.watch(now, seconds)
        offset = clock_offset()
        st.html(watching.states(seen, page.text))
        st.html(watching.figures(seen, page.text, page.language, offset))
        st.caption(page.text.watching.live.format(time=watching.clock(now, offset, exact=True)))


def show() -> None:
    page = shell.page()
    text = page.text.watching
    shell.heading("monitoring", text.intro)
    windows = list(text.windows)
    seconds = st.segmented_control(
        text.window,
        windows,
        default=DEFAULT_SECONDS,
        format_func=lambda seconds: text.windows[seconds],
        required=True,
        key="window",
    )
    live(seconds or DEFAULT_SECONDS)


show()
