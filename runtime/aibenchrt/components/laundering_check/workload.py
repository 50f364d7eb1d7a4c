"""What laundering_check is measured with: payments between accounts, some payers several times."""

from __future__ import annotations

from aibenchrt.components.encryption.workload import payments
from aibenchrt.workload import Workload

WORKLOADS = (Workload(payments),)
