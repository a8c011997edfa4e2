"""Pokédex: filters and an order, the list, and the sheet of one Pokémon."""

import streamlit as st

from predictiondex import shell
from predictiondex.dex import STATS, Pokedex, Pokemon
from predictiondex.draw import dex as draw
from predictiondex.draw import parts
from predictiondex.words import Language, Words, folded, name

FORMS = ("base", "alola", "mega", "starter")
ORDERS = ("id", "name", *STATS, "total", "height", "weight")


def pick(dex: Pokedex, text: Words, language: Language) -> list[Pokemon]:
    """The Pokémon that match the filters, in the order that was chosen."""
    common = text.common
    orders = {
        "id": text.dex.number,
        "name": common.name,
        **common.stats,
        "total": common.total,
        "height": text.dex.height,
        "weight": text.dex.weight,
    }
    with st.container(horizontal=True, vertical_alignment="bottom"):
        part = folded(st.text_input(common.name, key="filter_name", max_chars=40, width=shell.FILTER))
        type_ = st.selectbox(
            common.type,
            ["", *dex.types],
            format_func=lambda slug: parts.type_name(slug, dex, language) if slug else common.any,
            key="filter_type",
            width=shell.FILTER,
        )
        form = st.selectbox(
            text.dex.form,
            ["", *FORMS],
            format_func=lambda form: common.forms.get(form, common.any),
            key="filter_form",
            width=shell.FILTER,
        )
        order = st.selectbox(common.sort, ORDERS, format_func=lambda order: orders[order], key="order", width=shell.FILTER)
        descending = st.toggle(common.descending, key="descending")
    found = [
        pokemon
        for pokemon in dex.pokemon.values()
        if part in folded(pokemon.names.fr) or part in folded(pokemon.names.en) or part in folded(pokemon.slug)
        if not type_ or type_ in pokemon.types
        if not form or form == pokemon.form
    ]
    return sorted(found, key=lambda pokemon: _rank(pokemon, order, language), reverse=descending)


def _rank(pokemon: Pokemon, order: str, language: Language) -> tuple[int, str, int]:
    """By what was chosen; by number among equal ones."""
    values = {
        **dict(zip(STATS, pokemon.stats, strict=True)),
        "id": pokemon.species_id,
        "total": pokemon.total,
        "height": pokemon.height_dm,
        "weight": pokemon.weight_hg,
    }
    called = folded(name(pokemon.names, language)) if order == "name" else ""
    return values.get(order, 0), called, pokemon.id


def sheet(pokemon: Pokemon, dex: Pokedex, text: Words, language: Language) -> None:
    """All that is known of one Pokémon; what is in the list stands though the rest does not come."""
    st.subheader(name(pokemon.names, language), anchor=False)
    st.html(draw.facts(pokemon, dex, text, language))
    left, right = st.columns(2)
    left.html(draw.radar(pokemon, text, language))
    with shell.guarded("sheet"):
        detail = shell.detail(pokemon.slug)
        right.html(draw.weaknesses(detail.weaknesses, dex, text, language, text.dex.takes))
        if detail.relatives:
            right.html(draw.line(detail, text, language))
        st.html(draw.learnset(pokemon, detail, dex, text, language))


def show() -> None:
    page = shell.page()
    text, language = page.text, page.language
    with shell.guarded("pokedex"):
        dex = shell.pokedex()
        shell.heading("pokedex", text.dex.intro.format(count=len(dex.pokemon)))
        if st.session_state.get("sheet") not in dex.pokemon:
            wanted = (*shell.asked_for("p", list(dex.pokemon)), st.session_state.get("last_sheet"))
            st.session_state["sheet"] = next((slug for slug in wanted if slug in dex.pokemon), next(iter(dex.pokemon)))
        slug = st.selectbox(
            text.dex.sheet,
            list(dex.pokemon),
            format_func=lambda slug: parts.label(dex.pokemon[slug], language),
            key="sheet",
        )
        if slug != st.session_state.get("last_sheet"):
            st.session_state["last_sheet"] = slug
        shell.remember({"p": slug})
        sheet(dex.pokemon[slug], dex, text, language)
        st.divider()
        found = pick(dex, text, language)
        if found:
            st.html(draw.listing(found, dex, text, language))
        else:
            st.info(text.common.nothing)


show()
