"""Types: what each does to a defender of one or two types, and the whole chart."""

import streamlit as st

from predictiondex import shell
from predictiondex.draw import dex as draw
from predictiondex.draw import parts


def show() -> None:
    page = shell.page()
    text, language = page.text, page.language
    shell.heading("types", text.dex.types_intro)
    with shell.guarded("types"):
        dex = shell.pokedex()
        factors = shell.affinities()
        left, right = st.columns(2)
        first = left.selectbox(
            text.dex.defender, list(dex.types), format_func=lambda slug: parts.type_name(slug, dex, language), key="defender"
        )
        others = ["", *(slug for slug in dex.types if slug != first)]
        if st.session_state.get("second_type") not in others:
            st.session_state["second_type"] = ""
        second = right.selectbox(
            text.dex.second_type,
            others,
            format_func=lambda slug: parts.type_name(slug, dex, language) if slug else text.dex.no_second,
            key="second_type",
        )
        pair = [slug for slug in (first, second) if slug]
        against = []
        for attack in dex.types:
            factor = 1.0
            for defend in pair:
                factor *= factors.get((attack, defend), 1.0)
            against.append((attack, factor))
        called = " / ".join(parts.type_name(slug, dex, language) for slug in pair)
        st.html(draw.weaknesses(against, dex, text, language, text.dex.against_pair.format(types=called)))
        st.html(draw.chart(factors, dex, text, language))


show()
