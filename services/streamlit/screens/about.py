"""About: what this is, and what it cannot do."""

import streamlit as st

from predictiondex import shell


def show() -> None:
    text = shell.page().text
    st.header(text.common.pages["about"], anchor=False)
    st.markdown(text.about.text)
    st.markdown(text.about.limits)
    with shell.guarded("about"):
        st.caption(text.about.version.format(version=shell.api_version()))


show()
