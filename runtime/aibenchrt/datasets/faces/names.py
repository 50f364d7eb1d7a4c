"""Drawn names: of persons, of merchants and of their trades."""

from __future__ import annotations

from collections.abc import Iterator

from aibenchrt.datasets.draws import Rng, choose

_FIRST = (
    "Ada", "Alba", "Amina", "Anders", "Anton", "Asha", "Basil", "Bela", "Bruno", "Carla", "Cem", "Clara", "Dario", "Dina", "Edith", "Elif",
    "Emil", "Enzo", "Farah", "Felix", "Frida", "Goran", "Greta", "Hana", "Hugo", "Ida", "Ilya", "Ines", "Ivo", "Jana", "Jonas", "Jun",
    "Kaya", "Kofi", "Lars", "Lea", "Lina", "Luca", "Mara", "Milo", "Mina", "Nadia", "Nils", "Noor", "Olga", "Omar", "Otto", "Paula",
    "Petra", "Rafael", "Rosa", "Samir", "Selma", "Silas", "Sofia", "Tariq", "Thea", "Tomas", "Vera", "Viktor", "Wanda", "Yara", "Yusuf",
    "Zoe",
)  # fmt: skip
_LAST = (
    "Abadi", "Adler", "Almeida", "Bakker", "Baum", "Berger", "Bianchi", "Borg", "Castro", "Costa", "Dahl", "Demir", "Diallo", "Dubois",
    "Eklund", "Fabri", "Falk", "Ferrer", "Garcia", "Haddad", "Hansen", "Horvat", "Ito", "Jansen", "Jovic", "Kaya", "Keller", "Klein",
    "Kovac", "Lang", "Larsen", "Lopez", "Maier", "Marino", "Mbeki", "Moreau", "Mori", "Nagy", "Novak", "Okafor", "Olsen", "Pereira",
    "Petit", "Popov", "Quist", "Rahman", "Reyes", "Rossi", "Sato", "Schmid", "Silva", "Simon", "Sokolov", "Tanaka", "Toth", "Urban",
    "Vidal", "Vogel", "Weber", "Wolf", "Yilmaz", "Young", "Zhang", "Ziegler",
)  # fmt: skip
# As many as there are departments.CATEGORIES, of which the records of users (interactions/served.py) have weights.
TRADES = ("bakery", "books", "cafe", "clothes", "flowers", "groceries", "pharmacy", "shoes", "tools", "toys")
_PLACES = ("bridge", "castle", "corner", "garden", "harbour", "hill", "market", "meadow", "mill", "park", "river", "station")


def persons_names(rng: Rng) -> Iterator[str]:
    """Names such as 'Ada Moreau', none twice, in a drawn order: 4,096 of them."""
    for number in rng.permutation(len(_FIRST) * len(_LAST)).tolist():
        yield f"{_FIRST[number % len(_FIRST)]} {_LAST[number // len(_FIRST)]}"


def merchants_names(trade: str, rng: Rng) -> Iterator[str]:
    """Names such as 'harbour bakery', none twice."""
    places = list(_PLACES)
    while places:
        place = choose(places, rng)
        places.remove(place)
        yield f"{place} {trade}"
