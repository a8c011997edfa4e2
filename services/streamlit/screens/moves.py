"""Moves: filters and an order, and the list with the values of the games."""

import streamlit as st

from predictiondex import shell
from predictiondex.dex import Move
from predictiondex.draw import dex as draw
from predictiondex.draw import parts
from predictiondex.words import Language, folded, name

CATEGORIES = ("physical", "special", "status")
ORDERS = ("name", "power", "accuracy", "pp", "priority")


def _rank(move: Move, order: str, language: Language) -> tuple[int, str]:
    """By what was chosen, by name among equal ones; a move that never misses hits better than any that may."""
    called = folded(name(move.names, language))
    match order:
        case "power":
            return move.power or 0, called
        case "accuracy":
            return 101 if move.accuracy is None else move.accuracy, called
        case "pp":
            return move.pp, called
        case "priority":
            return move.priority, called
        case _:
            return 0, called


def show() -> None:
    page = shell.page()
    text, language = page.text, page.language
    common = text.common
    with shell.guarded("moves"):
        dex = shell.pokedex()
        shell.heading("moves", text.dex.moves_intro.format(count=len(dex.moves)))
        orders = {
            "name": common.name,
            "power": common.power,
            "accuracy": common.accuracy,
            "pp": common.pp,
            "priority": common.priority,
        }
        with st.container(horizontal=True, vertical_alignment="bottom"):
            part = folded(st.text_input(common.name, key="move_name", max_chars=40, width=shell.FILTER))
            type_ = st.selectbox(
                common.type,
                ["", *dex.types],
                format_func=lambda slug: parts.type_name(slug, dex, language) if slug else common.any,
                key="move_type",
                width=shell.FILTER,
            )
            category = st.selectbox(
                common.category,
                ["", *CATEGORIES],
                format_func=lambda category: common.categories.get(category, common.any),
                key="move_category",
                width=shell.FILTER,
            )
            order = st.selectbox(
                common.sort, ORDERS, format_func=lambda order: orders[order], key="move_order", width=shell.FILTER
            )
            descending = st.toggle(common.descending, key="move_descending")
        found = [
            move
            for move in dex.moves.values()
            if part in folded(move.names.fr) or part in folded(move.names.en)
            if not type_ or type_ == move.type
            if not category or category == move.category
        ]
        found.sort(key=lambda move: _rank(move, order, language), reverse=descending)
        if found:
            st.html(draw.moves(found, dex, text, language))
        else:
            st.info(common.nothing)


show()
