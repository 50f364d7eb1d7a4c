"""What text_normalization is measured with: held-out sentences."""

from __future__ import annotations

from aibenchrt.components.language_detection.workload import sentences
from aibenchrt.datasets.needs import PAIRS
from aibenchrt.workload import Workload

WORKLOADS = (Workload(sentences, (PAIRS,)),)
