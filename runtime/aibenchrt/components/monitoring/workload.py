"""What monitoring is measured with: Details values of ten items, as it observes them."""

from __future__ import annotations

from aibenchrt.components.logging.workload import passing
from aibenchrt.workload import Workload

WORKLOADS = (Workload(passing),)
