"""The shop's ten categories: how a film's genres decide its department, and which class of product photos shows it.

Composed: MovieLens has genres, but no departments. A film belongs to the first department of DEPARTMENTS that has one of its genres
(the most specific genres come first), or to drama if there is none. Departments are mapped to Fashion-MNIST classes by label.
"""

from __future__ import annotations

from collections.abc import Iterable

CATEGORIES = ("family", "horror", "fantastic", "history", "crime", "romance", "thriller", "action", "comedy", "drama")

# In order of precedence. On MovieLens-100k: 80 (action) to 377 (drama) items and 1.9 k to 8.8 k likes per department.
DEPARTMENTS: tuple[tuple[str, frozenset[str]], ...] = (
    ("horror", frozenset({"Horror"})),
    ("fantastic", frozenset({"Sci-Fi", "Fantasy"})),
    ("family", frozenset({"Animation", "Children's"})),
    ("history", frozenset({"War", "Western", "Documentary"})),
    ("crime", frozenset({"Crime", "Film-Noir", "Mystery"})),
    ("romance", frozenset({"Romance", "Musical"})),
    ("thriller", frozenset({"Thriller"})),
    ("action", frozenset({"Action", "Adventure"})),
    ("comedy", frozenset({"Comedy"})),
    ("drama", frozenset({"Drama"})),
)


def category_of(genres: Iterable[str]) -> int:
    """The label (index into CATEGORIES) of an item with these genres."""
    having = set(genres)
    name = next((name for name, own in DEPARTMENTS if own & having), "drama")
    return CATEGORIES.index(name)


def own_genres(label: int) -> frozenset[str]:
    """The genres that make an item belong to a category: a query for one of them says no more than the category."""
    return dict(DEPARTMENTS)[CATEGORIES[label]]


# How a query asks for a second genre besides its category; the genre's own name is indexed.
GENRE_WORDS: dict[str, str] = {
    "Action": "action", "Adventure": "adventure", "Animation": "animation", "Children's": "children's", "Comedy": "comedy",
    "Crime": "crime", "Documentary": "documentary", "Drama": "drama", "Fantasy": "fantasy", "Film-Noir": "film-noir", "Horror": "horror",
    "Musical": "musical", "Mystery": "mystery", "Romance": "romance", "Sci-Fi": "sci-fi", "Thriller": "thriller", "War": "wars",
    "Western": "western",
}  # fmt: skip
