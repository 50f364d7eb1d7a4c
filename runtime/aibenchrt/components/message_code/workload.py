"""What message_code is measured with: payments; each call waits for the disk."""

from __future__ import annotations

from aibenchrt.components.encryption.workload import payments
from aibenchrt.datasets.needs import ACCOUNTS
from aibenchrt.workload import Workload

WORKLOADS = (Workload(payments, (ACCOUNTS,)),)
