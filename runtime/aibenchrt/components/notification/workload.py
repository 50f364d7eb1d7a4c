"""What notification is measured with: receipts of customers; each call waits for the disk."""

from __future__ import annotations

from aibenchrt.components.encryption.workload import receipts
from aibenchrt.datasets.needs import KEYS
from aibenchrt.workload import Workload

WORKLOADS = (Workload(receipts, (KEYS,)),)
