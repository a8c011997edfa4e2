"""Model: what the predictions are worth. What the API, MLflow and Prometheus know stands side by side, whichever is away."""

import streamlit as st

from predictiondex import shell
from predictiondex.api import ModelInfo
from predictiondex.draw import model
from predictiondex.draw.markup import table
from predictiondex.mlflow import served

# The name the model is registered under, where the API does not tell.
REGISTERED = "battle_winner"


def show_info() -> ModelInfo | None:
    """What the API knows of the model it has loaded."""
    page = shell.page()
    with shell.guarded("info"):
        info = shell.model_info()
        st.html(model.facts(info, page.text, page.language))
        if info.metrics:
            st.html(model.metrics(info.metrics, page.text, page.language))
        with st.expander(page.text.model.parameters):
            head = [page.text.model.parameters, page.text.battle.value]
            st.html(table(page.text.model.parameters, head, list(info.parameters.items())))
        return info
    return None


def show_registry(info: ModelInfo | None) -> None:
    """What MLflow keeps: the report of the model that is served, and all versions."""
    page = shell.page()
    text, language = page.text, page.language
    with shell.guarded("registry"):
        found = shell.versions(info.name if info else REGISTERED)
        current = served(found, info.sha256) if info else next(iter(found), None)
        if not found:
            st.info(text.model.no_versions)
            return
        if current:
            with shell.guarded("report"):
                report = shell.report(current)
                if report:
                    left, right = st.columns(2)
                    left.html(model.calibration(report, text, language))
                    right.html(model.importance(report, text, language))
                else:
                    st.info(text.model.no_report)
        else:
            st.info(text.model.not_recorded)
        st.html(model.versions(found, current if info else None, text, language))


def show_drift() -> None:
    """Whether what the model is asked has moved away from what it learned from."""
    page = shell.page()
    text, language = page.text, page.language
    with shell.guarded("drift"):
        found = shell.drift()
        if found.indices:
            st.html(model.drift(found, text, language))
        else:
            st.subheader(text.model.drift, anchor=False)
            st.html(model.no_drift(found, text, language))


def show() -> None:
    shell.heading("model", shell.page().text.model.intro)
    info = show_info()
    show_registry(info)
    show_drift()


show()
