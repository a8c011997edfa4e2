"""What the page knows of Pokémon, moves and types, read from the API's answers. Plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

Item = Mapping[str, Any]

STATS = ("hp", "attack", "defense", "special_attack", "special_defense", "speed")


@dataclass(frozen=True)
class Names:
    """What something is called in the two languages of the page."""

    en: str
    fr: str

    @classmethod
    def of(cls, item: Item) -> "Names":
        return cls(en=str(item["name_en"]), fr=str(item["name_fr"]))


@dataclass(frozen=True)
class Pokemon:
    """One Pokémon as the list shows it; `stats` in the order of `STATS`."""

    id: int
    slug: str
    species_id: int
    names: Names
    form: str
    types: tuple[str, ...]
    stats: tuple[int, ...]
    height_dm: int
    weight_hg: int

    @classmethod
    def of(cls, item: Item) -> "Pokemon":
        return cls(
            id=int(item["id"]),
            slug=str(item["slug"]),
            species_id=int(item["species_id"]),
            names=Names.of(item),
            form=str(item["form"]),
            types=tuple(str(slug) for slug in item["types"]),
            stats=tuple(int(item["stats"][name]) for name in STATS),
            height_dm=int(item["height_dm"]),
            weight_hg=int(item["weight_hg"]),
        )

    @property
    def total(self) -> int:
        return sum(self.stats)


@dataclass(frozen=True)
class Move:
    """A move with its values; `None` where there is no such value."""

    slug: str
    names: Names
    type: str
    category: str
    power: int | None
    accuracy: int | None
    pp: int
    priority: int
    hits: tuple[int, int]

    @classmethod
    def of(cls, item: Item) -> "Move":
        return cls(
            slug=str(item["slug"]),
            names=Names.of(item),
            type=str(item["type"]),
            category=str(item["category"]),
            power=_whole(item["power"]),
            accuracy=_whole(item["accuracy"]),
            pp=int(item["pp"]),
            priority=int(item["priority"]),
            hits=(int(item["min_hits"]), int(item["max_hits"])),
        )


@dataclass(frozen=True)
class Learned:
    """A move of a learnset: how it is learnt, and at which level where that matters."""

    slug: str
    names: Names
    method: str
    level: int | None

    @classmethod
    def of(cls, item: Item) -> "Learned":
        return cls(str(item["slug"]), Names.of(item), str(item["method"]), _whole(item["level"]))


@dataclass(frozen=True)
class Relative:
    """A Pokémon of the same line; `later` where it evolves from the one it is told of."""

    slug: str
    names: Names
    later: bool
    trigger: str
    min_level: int | None
    item: str | None
    friendship: bool

    @classmethod
    def of(cls, item: Item, later: bool) -> "Relative":
        return cls(
            slug=str(item["slug"]),
            names=Names.of(item),
            later=later,
            trigger=str(item["trigger"]),
            min_level=_whole(item["min_level"]),
            item=str(item["item"]) if item["item"] else None,
            friendship=bool(item["friendship"]),
        )


@dataclass(frozen=True)
class Detail:
    """All else of one Pokémon: what the types do to it, its line, what it learns."""

    slug: str
    weaknesses: tuple[tuple[str, float], ...]
    relatives: tuple[Relative, ...]
    learnset: tuple[Learned, ...]

    @classmethod
    def of(cls, item: Item) -> "Detail":
        before = item["evolutions"]["from"]
        after = item["evolutions"]["to"]
        return cls(
            slug=str(item["slug"]),
            weaknesses=tuple((str(entry["type"]), float(entry["factor"])) for entry in item["weaknesses"]),
            relatives=tuple(
                chain(
                    [Relative.of(before, later=False)] if before else [],
                    (Relative.of(entry, later=True) for entry in after),
                )
            ),
            learnset=tuple(Learned.of(entry) for entry in item["learnset"]),
        )


@dataclass(frozen=True)
class Pokedex:
    """Everything the page chooses from and names things with. Moves go by their slug, types too."""

    pokemon: Mapping[str, Pokemon]
    moves: Mapping[str, Move]
    types: Mapping[str, Names]

    def move_named(self, name_en: str) -> Move | None:
        """The move that predictions call by its English name."""
        return next((move for move in self.moves.values() if move.names.en == name_en), None)

    def pokemon_named(self, name_en: str) -> Pokemon | None:
        """The Pokémon that predictions call by its English name."""
        return next((pokemon for pokemon in self.pokemon.values() if pokemon.names.en == name_en), None)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
