"""The page: languages, navigation, the screen it stands on. Run with `streamlit run page.py`; wiring only."""

import streamlit as st

from predictiondex.draw.style import STYLE
from predictiondex.words import LANGUAGES, Language, words

# Screen, file and icon; the first is what opens without a path.
SCREENS = {
    "battle": ("battle", "swords"),
    "team": ("team", "groups"),
    "pokedex": ("pokedex", "menu_book"),
    "moves": ("moves", "flash_on"),
    "types": ("types_chart", "grid_on"),
    "model": ("model", "model_training"),
    "monitoring": ("monitoring", "monitoring"),
    "quiz": ("quiz", "quiz"),
    "about": ("about", "info"),
}


def pick_language() -> None:
    """The switch; the screens read what it stands on from the session."""
    if "language" not in st.session_state:
        st.session_state["language"] = "en" if st.query_params.get("lang") == "en" else "fr"
    st.segmented_control(
        "Langue / Language",
        LANGUAGES,
        format_func=lambda code: words(code).common.label,
        label_visibility="collapsed",
        required=True,
        key="language",
    )


def main() -> None:
    st.html(STYLE)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title("PredictionDex", anchor=False, width="content")
        pick_language()
    language: Language = "en" if st.session_state["language"] == "en" else "fr"
    if st.query_params.get("lang", "fr") != language:
        st.query_params["lang"] = language
    titles = words(language).common.pages
    pages = [
        st.Page(
            f"screens/{file}.py",
            title=titles[name],
            icon=f":material/{icon}:",
            url_path=name,
            default=name == "battle",
        )
        for name, (file, icon) in SCREENS.items()
    ]
    screen = st.navigation(pages)
    st.set_page_config(page_title=f"{screen.title} – PredictionDex", page_icon=":material/swords:", layout="centered")
    # Screen readers pronounce by it, and Streamlit calls every page English. The language is one of two constants.
    st.html(f"<script>document.documentElement.lang = '{language}'</script>", unsafe_allow_javascript=True)
    screen.run()


main()
