"""What the page has to say, whatever the language: a language that lacks a word does not load."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from predictiondex.web import Failure, Service

Language = Literal["fr", "en"]
# What happened, and what to do about it.
Advice = tuple[str, str]


@dataclass(frozen=True)
class Common:
    """Words of several pages, and of what surrounds them."""

    label: str
    tagline: str
    pages: Mapping[str, str]
    retry: str
    failures: Mapping[Failure, Advice]
    away: Mapping[Service, Advice]
    broken: Mapping[Service, Advice]
    any: str
    name: str
    type: str
    types: str
    sort: str
    descending: str
    nothing: str
    none: str
    category: str
    power: str
    accuracy: str
    pp: str
    priority: str
    total: str
    stats: Mapping[str, str]
    stats_short: Mapping[str, str]
    forms: Mapping[str, str]
    categories: Mapping[str, str]
    share_help: str


@dataclass(frozen=True)
class Battle:
    """The page of battles."""

    first: str
    second: str
    moves: str
    moves_best: str
    moves_help: str
    predict: str
    same: str
    chosen: str
    winner: str
    even: str
    bar: str
    best_move: str
    no_move: str
    model: str
    detail: str
    why: str
    moves_of: str
    simulation: str
    reasons: str
    reason: str
    value: str
    effect: str
    favours: str
    rest: str
    no_reason: str
    reasons_help: str
    reasons_sets: str
    ranking: str
    ranking_help: str
    move: str
    odds: str
    damage: str
    hits: str
    effectiveness: str
    same_type: str
    no_attack: str
    by_model: str
    by_battles: str
    fought: str
    agrees: str
    differs: str


@dataclass(frozen=True)
class Team:
    """The page of teams."""

    intro: str
    mine: str
    theirs: str
    compare: str
    choose: str
    empty: str
    lead: str
    lead_detail: str
    lead_theirs: str
    overall: str
    matrix: str
    mean: str
    counter: str
    legend: str


@dataclass(frozen=True)
class Dex:
    """The pages of Pokémon, of moves and of types."""

    intro: str
    form: str
    found: str
    sheet: str
    number: str
    height: str
    weight: str
    radar: str
    takes: str
    factor: str
    plain: str
    line: str
    evolves_from: str
    evolves_to: str
    at_level: str
    by_trade: str
    by_item: str
    by_friendship: str
    by_level: str
    learnset: str
    how: str
    level: str
    at_start: str
    on_evolution: str
    methods: Mapping[str, str]
    to_battle: str
    moves_intro: str
    never_misses: str
    moves_found: str
    times: str
    types_intro: str
    chart: str
    defender: str
    second_type: str
    no_second: str
    against_pair: str


@dataclass(frozen=True)
class Model:
    """The page of the model."""

    intro: str
    served: str
    trained: str
    learned: str
    facts: Mapping[str, str]
    metrics: str
    metric: str
    metrics_help: str
    metric_names: Mapping[str, Advice]
    columns: Mapping[str, str]
    calibration: str
    calibration_help: str
    predicted: str
    happened: str
    held_out: str
    unseen: str
    importance: str
    importance_help: str
    feature: str
    gain: str
    versions: str
    version: str
    alias: str
    date: str
    run: str
    log_loss: str
    brier: str
    is_served: str
    no_versions: str
    not_recorded: str
    no_report: str
    drift: str
    drift_help: str
    index: str
    verdict: str
    steady: str
    moving: str
    moved: str
    too_few: str
    no_reference: str
    no_drift: str
    parameters: str


@dataclass(frozen=True)
class Watching:
    """The page of what happens now."""

    intro: str
    window: str
    windows: Mapping[int, str]
    live: str
    targets: str
    up: str
    down: str
    alerts: str
    no_alert: str
    no_data: str
    charts: Mapping[str, str]
    lines: Mapping[str, str]
    now: str
    most: str


@dataclass(frozen=True)
class Quiz:
    """The page of the quiz."""

    intro: str
    question: str
    right: str
    wrong: str
    even: str
    next: str
    score: str
    streak: str
    best: str
    again: str


@dataclass(frozen=True)
class About:
    """The page that says what all this is."""

    text: str
    version: str
    limits: str


@dataclass(frozen=True)
class Words:
    """Everything the page says in one language. `features` names what the model sees of one side or of the pair."""

    common: Common
    battle: Battle
    team: Team
    dex: Dex
    model: Model
    watching: Watching
    quiz: Quiz
    about: About
    features: Mapping[str, str]
