"""What the processes of a deployment are called: units on hosts, processes of a run on this machine, services of the plan.

A process of a task is called as the task, with `-<replica>` from replica 1 on. A task's name is an identifier, so a name of ours with a
hyphen and no number behind it is no task's (HOST_WATCH; 'generator-supplement' here). The names in RESERVED have no hyphen: no task
may be called so.
"""

from __future__ import annotations

PLANNER, TRITON, POSTGRESQL, GENERATOR = "planner", "triton", "postgresql", "generator"

RESERVED = {PLANNER: "the planner", TRITON: "Triton", POSTGRESQL: "the database server", GENERATOR: "the query generator"}

HOST_WATCH = "host-watch"  # the unit that watches a host while a load runs: `python -m aibenchrt.collect.host`


def process_name(task: str, replica: int) -> str:
    return f"{task}-{replica}" if replica else task
