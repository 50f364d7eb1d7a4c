"""Database operation: reads users, their ranking weights, their candidates, and the details of items from SQLite or PostgreSQL.

Both engines hold the same tables (TABLES) and give the same answers; sqlite.py and postgresql.py contain what differs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from aibenchrt.components.database_operation.engine import Database, Engine
from aibenchrt.components.database_operation.sqlite import Sqlite
from aibenchrt.values import Values, Work

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import InteractionWorld, UserWorld

    class Recorded(UserWorld, InteractionWorld, Protocol):
        """What all tables together are made from; a world need have only what those hold that are read (spec.py)."""


# Table → its columns as (name, SQL type); the first ones, up to `key`, are the primary key.
TABLES: dict[str, tuple[int, tuple[tuple[str, str], ...]]] = {
    "users": (1, (("user_id", "bigint"), ("age", "bigint"), ("gender", "text"), ("occupation", "text"))),
    "history": (2, (("user_id", "bigint"), ("position", "bigint"), ("item_id", "bigint"))),
    "weights": (2, (("user_id", "bigint"), ("label", "bigint"), ("weight", "double precision"))),
    "items": (1, (("item_id", "bigint"), ("title", "text"), ("category", "bigint"), ("price", "double precision"))),
    "articles": (1, (("item_id", "bigint"), ("category", "bigint"), ("popularity", "double precision"), ("last_met", "bigint"))),
}

# Setting `table` → the tables that are read, and filled.
READ: dict[str, tuple[str, ...]] = {
    "users": ("users", "history"),
    "weights": ("weights",),
    "items": ("items",),
    "articles": ("articles", "users", "weights"),
}

# Candidates for a user; the parameters are (user, number of candidates).
CANDIDATES = {
    "recent": (
        "SELECT a.item_id, a.category, a.popularity FROM articles a WHERE EXISTS (SELECT 1 FROM users u WHERE u.user_id = ?) "
        "ORDER BY a.last_met DESC, a.item_id LIMIT ?"
    ),
    "interests": (
        "SELECT a.item_id, a.category, a.popularity FROM articles a JOIN weights w ON w.label = a.category AND w.user_id = ? "
        "ORDER BY w.weight * a.popularity DESC, a.item_id LIMIT ?"
    ),
}


def prepare(world: Recorded, settings: Mapping[str, str | int], folder: Path) -> None:
    """Writes the tables, to one file or one PostgreSQL schema; those that are not read stay empty. Histories and weights come from the
    training period (World.users)."""
    _engine(settings).build(folder, TABLES, rows(world, READ[str(settings["table"])]))


def still_prepared(folder: Path, settings: Mapping[str, str | int]) -> bool:
    """Whether the tables still exist; False if they were dropped from their server."""
    return _engine(settings).is_built(folder)


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - it keeps nothing
    """EnvironmentFailure AIB615: the PostgreSQL server cannot be reached or does not have the tables."""
    database = _engine(settings).open(folder)
    match settings["table"]:
        case "users":
            return Users(database)
        case "weights":
            return Weights(database)
        case "items":
            return Items(database, int(settings["top"]))
        case "articles":
            return Articles(database, str(settings["order"]), int(settings["limit"]))
        case table:
            raise ValueError(f"no table '{table}'")


def rows(world: Recorded, read: Collection[str]) -> dict[str, Iterable[Sequence[Any]]]:
    """Table → its rows; none of a table that is not in `read`."""
    made: dict[str, Callable[[], Iterable[Sequence[Any]]]] = {
        "users": lambda: [(user.user_id, user.age, user.gender, user.occupation) for user in world.users],
        "history": lambda: [(user.user_id, position, item) for user in world.users for position, item in enumerate(user.history)],
        "weights": lambda: [(user.user_id, label, weight) for user in world.users for label, weight in enumerate(user.weights)],
        "items": lambda: [(item.item_id, item.title, item.category, item.price) for item in world.items],
        "articles": lambda: _articles(world),
    }
    return {table: make() if table in read else () for table, make in made.items()}


def _articles(world: InteractionWorld) -> list[Sequence[Any]]:
    from aibenchrt.datasets.interactions.recency import last_met  # imports numpy, which serving does not need

    met = last_met(world)
    return [(item.item_id, item.category, item.popularity, met[item.item_id]) for item in world.items]


class Users:
    """User → Profile. LookupError: no such user."""

    def __init__(self, database: Database) -> None:
        self._user = database.query("SELECT age, gender, occupation FROM users WHERE user_id = ?")
        self._history = database.query("SELECT item_id FROM history WHERE user_id = ? ORDER BY position")

    def __call__(self, inputs: Values) -> Values:
        user_id = inputs["user"]["user_id"]
        age, gender, occupation = _user_row(self._user((user_id,)), user_id)
        history = [row[0] for row in self._history((user_id,))]
        return {"profile": {"user_id": user_id, "age": age, "gender": gender, "occupation": occupation, "history": history}}


class Weights:
    """Profile → Weights. LookupError: no such user."""

    def __init__(self, database: Database) -> None:
        self._weights = database.query("SELECT weight FROM weights WHERE user_id = ? ORDER BY label")

    def __call__(self, inputs: Values) -> Values:
        user_id = inputs["profile"]["user_id"]
        rows = self._weights((user_id,))
        if not rows:
            raise LookupError(f"there is no user {user_id}")
        return {"weights": {"weight": [row[0] for row in rows]}}


class Articles:
    """Profile → the candidates for its user, by one query over all items. LookupError: no such user, or no candidate for it."""

    def __init__(self, database: Database, order: str, limit: int) -> None:
        self._read = database.query(CANDIDATES[order])
        self._limit = limit

    def __call__(self, inputs: Values) -> Values:
        user_id = inputs["profile"]["user_id"]
        rows = self._read((user_id, self._limit))
        if not rows:
            raise LookupError(f"there is nothing for user {user_id}")
        item_id, category, popularity = map(list, zip(*rows, strict=True))
        unscored = [0.0] * len(rows)
        scores = dict.fromkeys(("search_score", "recommend_score", "rank_score"), unscored)
        return {"items": {"item_id": item_id, "category": category, "popularity": popularity, **scores}}


class Items:
    """Items → Details of the first `top`, in their order. LookupError: one of them does not exist."""

    def __init__(self, database: Database, top: int) -> None:
        self._database = database
        self._top = top
        self._items: dict[int, Callable[[Sequence[Any]], list[tuple[Any, ...]]]] = {}

    def __call__(self, inputs: Values) -> Values:
        ids = list(inputs["items"]["item_id"][: self._top])
        row_of = {row[0]: row for row in self._read(ids)} if ids else {}
        missing = [item for item in ids if item not in row_of]
        if missing:
            raise LookupError(f"there are no goods {missing}")
        shown = [row_of[item] for item in ids]
        columns = {name: [row[position] for row in shown] for position, name in enumerate(("item_id", "title", "category", "price"))}
        return {"details": columns}

    def _read(self, ids: Sequence[int]) -> list[tuple[Any, ...]]:
        count = len(ids)
        if count not in self._items:
            marks = ", ".join("?" * count)
            self._items[count] = self._database.query(f"SELECT item_id, title, category, price FROM items WHERE item_id IN ({marks})")
        return self._items[count](ids)


def _user_row(rows: list[tuple[Any, ...]], user_id: int) -> tuple[Any, ...]:
    if not rows:
        raise LookupError(f"there is no user {user_id}")
    return rows[0]


def _engine(settings: Mapping[str, str | int]) -> Engine:
    if settings["engine"] == "sqlite":
        return Sqlite()
    from aibenchrt.components.database_operation.postgresql import Postgres  # psycopg takes 0.1 s to import

    return Postgres()
