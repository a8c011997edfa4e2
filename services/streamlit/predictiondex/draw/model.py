"""The model: what it is worth, whether its odds can be trusted, what it leans on, its versions, and drift."""

from collections.abc import Mapping, Sequence

from predictiondex.api import ModelInfo
from predictiondex.draw import charts, colours, parts
from predictiondex.draw.battle import feature
from predictiondex.draw.markup import Markup, Text, join, picture, table, tag
from predictiondex.mlflow import Bin, Report, Version
from predictiondex.prometheus import Drift
from predictiondex.words import Language, Words, number, percent

# By custom: below the first nothing has changed, above the second much has.
STEADY, MOVED = 0.1, 0.25
SHOWN = 12
# Battles before there is an index, as the API counts them.
WINDOW = 2_000


def facts(info: ModelInfo, words: Words, language: Language) -> Markup:
    """The model in three lines."""
    text = words.model
    learned = text.learned.format(train=number(info.train_rows, 0, language), test=number(info.test_rows, 0, language))
    extra = {"features": str(info.features), "xgboost": info.xgboost, "scenarios": ", ".join(info.scenarios)}
    said = " · ".join(f"{text.facts[key]} {value}" for key, value in extra.items())
    return tag(
        "div",
        tag("div", text.served.format(name=info.name, version=info.version), cls="pd-verdict"),
        tag("div", f"{text.trained.format(date=info.trained_at[:16].replace('T', ' '))} UTC", cls="pd-center"),
        parts.note(learned, center=True),
        parts.note(said, center=True),
        cls="pd-card",
    )


def metrics(found: Mapping[str, float], words: Words, language: Language) -> Markup:
    """The measures, beside those of species never seen and of simpler models, as far as there are any."""
    text = words.model
    columns = [prefix for prefix in text.columns if any(f"{prefix}{measure}" in found for measure in text.metric_names)]
    rows: list[list[Text]] = []
    for measure, (called, meaning) in text.metric_names.items():
        values = [found.get(f"{prefix}{measure}") for prefix in columns]
        label = join([called, " ", tag("span", meaning, cls="pd-under")])
        rows.append([label, *(_loss(value, words, language) for value in values)])
    head = [text.metric, *(text.columns[prefix] for prefix in columns)]
    return join([table(text.metrics, head, rows, numbers=range(1, len(head))), parts.note(text.metrics_help)])


def calibration(report: Report, words: Words, language: Language) -> Markup:
    """Predicted odds against the share of battles won."""
    text = words.model
    curves = [(text.held_out, report.held_out, colours.BLUE, ""), (text.unseen, report.unseen, colours.RED, "5 4")]
    drawn = [charts.Line(_curve(bins), colour, dash) for _, bins, colour, dash in curves if bins]
    svg = charts.scatter(drawn, (text.predicted, text.happened), lambda share: _whole(share, language))
    said = "; ".join(
        f"{called}: "
        + ", ".join(f"{text.predicted} {_whole(x, language)}, {text.happened} {_whole(y, language)}" for x, y in _curve(bins))
        for called, bins, _, _ in curves
        if bins
    )
    legend = tag("div", *(_key(called, colour, dash) for called, bins, colour, dash in curves if bins), cls="pd-legend")
    return tag(
        "div",
        tag("h3", text.calibration),
        picture(svg, f"{text.calibration}. {said}"),
        legend,
        parts.note(text.calibration_help),
        cls="pd-figure",
    )


def importance(report: Report, words: Words, language: Language) -> Markup:
    """The features the trees lean on most."""
    text = words.model
    found = report.importances[:SHOWN]
    most = max((gain for _, gain in found), default=1.0) or 1.0
    rows = [[feature(code, ("A", "B"), words), parts.bar(gain / most, percent(gain, language))] for code, gain in found]
    return join([table(text.importance, [text.feature, text.gain], rows), parts.note(text.importance_help)])


def versions(found: Sequence[Version], served: Version | None, words: Words, language: Language) -> Markup:
    """The registered versions, the newest first."""
    text = words.model
    rows = [
        [
            version.number,
            join(
                [
                    *(parts.state(alias, "good" if alias == "champion" else "watch") for alias in version.aliases),
                    parts.state(text.is_served, "good") if version is served else "",
                ]
            ),
            version.created.strftime("%Y-%m-%d %H:%M UTC"),
            *(
                words.common.none if value is None else number(value, 4, language)
                for value in (version.log_loss, version.brier)
            ),
            version.run[:8],
        ]
        for version in found
    ]
    head = [text.version, text.alias, text.date, text.log_loss, text.brier, text.run]
    return table(text.versions, head, rows, numbers=[2, 3, 4])


def drift(found: Drift, words: Words, language: Language) -> Markup:
    """How far each feature has moved, the furthest first."""
    text = words.model
    most = max((index for _, index in found.indices), default=1.0) or 1.0
    rows = [
        [
            feature(code, ("A", "B"), words),
            parts.bar(index / most, number(index, 3, language)),
            _verdict(index, words),
        ]
        for code, index in found.indices[:SHOWN]
    ]
    note = parts.note(text.drift_help.format(rows=number(found.rows or 0, 0, language)))
    return join([table(text.drift, [text.feature, text.index, text.verdict], rows), note])


def no_drift(found: Drift, words: Words, language: Language) -> Markup:
    """Why there is no index."""
    text = words.model
    if found.rows is None:
        return parts.note(text.no_drift)
    if found.rows >= WINDOW:
        return parts.note(text.no_reference)
    return parts.note(text.too_few.format(rows=number(found.rows, 0, language)))


def _verdict(index: float, words: Words) -> Markup:
    if index < STEADY:
        return parts.state(words.model.steady, "good")
    return parts.state(words.model.moved, "bad") if index > MOVED else parts.state(words.model.moving, "watch")


def _loss(value: float | None, words: Words, language: Language) -> str:
    return words.common.none if value is None else number(value, 4, language)


def _whole(share: float, language: Language) -> str:
    return percent(share, language, 0)


def _curve(bins: Sequence[Bin]) -> tuple[tuple[float, float], ...]:
    return tuple((part.predicted, part.happened) for part in bins)


def _key(text: str, colour: str, dash: str) -> Markup:
    style = f"border-top-color:{colour};border-top-style:{'dashed' if dash else 'solid'}"
    return tag("span", tag("span", cls="pd-key", style=style, aria_hidden="true"), text)
