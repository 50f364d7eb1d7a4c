"""What tracing is measured with: Details values of ten goods, as they pass by."""

from __future__ import annotations

from aibenchrt.components.logging.workload import passing
from aibenchrt.workload import Workload

WORKLOADS = (Workload(passing),)
