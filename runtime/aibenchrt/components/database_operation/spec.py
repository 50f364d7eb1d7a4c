"""Database operation: looks up records by key, in embedded SQLite or, if configured, in PostgreSQL."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting
from aibenchrt.datasets.needs import INTERACTIONS, ITEMS, USERS

_USERS = Ports((Port("user", "User"),), (Port("profile", "Profile"),))
_WEIGHTS = Ports((Port("profile", "Profile"),), (Port("weights", "Weights"),))
_ITEMS = Ports((Port("items", "Items"),), (Port("details", "Details"),))
_ARTICLES = Ports((Port("profile", "Profile"),), (Port("items", "Items"),))

SPEC = ComponentSpec(
    name="database_operation",
    package=__package__,
    family="database",
    kind=Kind.SERVICE,
    doc="looks up a user's profile or ranking weights, candidates for a user, or the details of goods",
    ports=_USERS,
    varies_by="table",
    variants=(("users", _USERS), ("weights", _WEIGHTS), ("items", _ITEMS), ("articles", _ARTICLES)),
    settings=(
        Setting("table", "word", "users", ("users", "weights", "items", "articles"), "the table that is read"),
        Setting("top", "count", 10, (), "table items: how many goods are shown"),
        Setting(
            "order", "word", "recent", ("recent", "interests"), "table articles: last met first, or by the user's weights and popularity"
        ),
        Setting("limit", "count", 300, (), "table articles: the most candidates"),
        Setting("engine", "word", "sqlite", ("sqlite", "postgresql"), "embedded SQLite, or a PostgreSQL server"),
    ),
    needs_if=(
        ("table", "users", (USERS,)),
        ("table", "weights", (USERS,)),
        ("table", "items", (ITEMS,)),
        ("table", "articles", (USERS, INTERACTIONS)),
    ),
)
