"""Team: up to six against up to six, who should go first, and the matrix of all duels."""

import streamlit as st

from predictiondex import shell
from predictiondex.dex import Pokedex
from predictiondex.draw import parts, team
from predictiondex.words import Language

MEMBERS_MOST = 6
DEFAULTS = {
    "a": ["pikachu", "charizard", "blastoise", "venusaur", "snorlax", "gengar"],
    "b": ["onix", "starmie", "raichu", "vileplume", "alakazam", "arcanine"],
}


def pick_team(dex: Pokedex, side: str, label: str, language: Language) -> tuple[str, ...]:
    """A picker that starts on the team the address names, else on the one of before."""
    key = f"team_{side}"
    if key not in st.session_state:
        named = shell.asked_for(side, list(dex.pokemon))
        before = st.session_state.get(f"last_team_{side}", DEFAULTS[side])
        st.session_state[key] = (named or [slug for slug in before if slug in dex.pokemon])[:MEMBERS_MOST]
    chosen = st.multiselect(
        label,
        list(dex.pokemon),
        format_func=lambda slug: parts.label(dex.pokemon[slug], language),
        max_selections=MEMBERS_MOST,
        wrap=True,
        key=key,
    )
    st.session_state[f"last_team_{side}"] = chosen
    return tuple(chosen)


def show() -> None:
    page = shell.page()
    text, language = page.text, page.language
    shell.heading("team", text.team.intro)
    with shell.guarded("team"):
        dex = shell.pokedex()
        left, right = st.columns(2)
        with left:
            mine = pick_team(dex, "a", text.team.mine, language)
        with right:
            theirs = pick_team(dex, "b", text.team.theirs, language)
        teams = (mine, theirs)
        named = tuple(tuple(shell.asked_for(side, list(dex.pokemon))) for side in "ab")
        shared = "teams" not in st.session_state and all(named) and named == teams
        if st.button(text.team.compare, type="primary", width="stretch", key="compare", disabled=not all(teams)) or shared:
            st.session_state["teams"] = teams
            st.session_state.pop("teams_answer", None)
        if not all(teams):
            st.caption(text.team.empty)
        elif st.session_state.get("teams") != teams:
            st.caption(text.team.choose)
        else:
            shell.remember({"a": ",".join(mine), "b": ",".join(theirs)})
            if "teams_answer" not in st.session_state:
                st.session_state["teams_answer"] = shell.team(mine, theirs)
            answer = st.session_state["teams_answer"]
            members = [tuple(dex.pokemon[slug] for slug in side) for side in teams]
            st.html(team.lead(members[0], members[1], answer, text, language))
            st.html(team.matrix(members[0], members[1], answer, text, language))
            st.caption(text.common.share_help)


show()
