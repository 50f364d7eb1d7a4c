"""The specs that `aibenchc new` writes: a text search with six tasks that compiles and runs as it stands, or a published scenario."""

from __future__ import annotations

from aibenchc.cli.folders import published

_STARTER = """\
aib 1

# How many requests arrive; `aibenchc run {name}.aib --param rate=40/s` changes it without editing.
param rate = 20/s

scenario {name} "{title}" {{
  # Where requests and their ground truth come from. `aibenchc components` lists data sets and components.
  dataset shop = movielens_shop

  # Request classes: their shares add up to 100 %.
  request text {{ share 100%, from shop.queries }}

  # One task is one component at work. `aibenchc components indexing` shows its ports, models and settings.
  task parse     : query_parsing
  task category  : text_classification {{ model fasttext, quality accuracy >= 70% }}
  task profile   : database_operation  {{ table users }}
  task find      : indexing            {{ tier all, shards 2 }}
  task recommend : recommendation      {{ model neumf }}
  task summary   : database_operation  {{ table items }}

  # What flows where. A task sees only what its in-edges bring; `text.user` names one output.
  permutation {{
    text -> parse -> category -> find -> recommend -> summary -> response
    parse -> find
    text.user -> profile -> recommend
  }}

  metrics {{ precision@10, ndcg@10, latency p50 p90 p95 }}
  slo     {{ latency p95 < 500 ms }}
  load    {{ poisson $rate, for 60 s, warmup 10 s, seed 7 }}
  deployment local {{ nodes 1, profile small }}
}}
"""


def starter(name: str) -> str:
    return _STARTER.format(name=name, title=name.replace("_", " ").strip().capitalize() or name)


def copied(source: str, name: str) -> str:
    """The published scenario under another name."""
    text = (published() / f"{source}.aib").read_text(encoding="utf-8")
    return text.replace(f"\nscenario {source} ", f"\nscenario {name} ", 1)
