"""Specs of any number of tasks, of every kind that distilling keeps: a long path of models, searches and effects."""

from __future__ import annotations


def large_spec(tasks: int) -> str:
    """A spec of about `tasks` tasks (exactly, from 10): half of them in a row before the response, half of them effects after it."""
    steps = (tasks - 4) // 2
    path, declared, edges = [], [], []
    for number in range(steps):
        if number % 2:
            declared.append(f"task rank{number} : learning_to_rank {{ model mlp_lambda }}")
            path.append(f"rank{number}")
        else:
            declared.append(f"task recommend{number} : recommendation {{ model neumf }}")
            path.append(f"recommend{number}")
            edges.append(f"profile -> recommend{number}")
    logs = [f"clicks{number}" for number in range(tasks - 5 - steps)]
    declared += [f"task {name} : event_log" for name in logs]
    edges += [f"summary -> {name}\n    text.user -> {name}" for name in logs]
    chain = "\n      -> ".join(["category", "find", *path, "summary", "response"])
    return f"""aib 1
scenario large "Large" {{
  dataset shop = movielens_shop
  request text {{ share 100%, from shop.queries }}
  task parse : query_parsing
  task category : text_classification {{ model fasttext }}
  task find : indexing
  task profile : database_operation {{ table users }}
  task summary : database_operation {{ table items }}
  {chr(10).join(declared)}
  permutation {{
    text -> parse -> {chain}
    parse -> find
    text.user -> profile
    {chr(10).join(edges)}
  }}
  metrics {{ precision@10, latency p50 p99 }}
  load {{ poisson 20/s, for 60 s }}
  deployment local {{ nodes 1, profile small }}
}}
"""
