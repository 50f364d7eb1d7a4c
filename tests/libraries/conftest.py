"""The environment in which the partner's package is installed, made once for a process of tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from partner import ACME_TICKETS, environment


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the environment's python and aibenchc."""
    return environment(tmp_path_factory.mktemp("partner") / "environment", ACME_TICKETS)
