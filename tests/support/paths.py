"""Where things lie in the checkout."""

from __future__ import annotations

from pathlib import Path

SUPPORT = Path(__file__).resolve().parent
TESTS = SUPPORT.parent
ROOT = TESTS.parent
SPECS = ROOT / "specs"  # the published scenarios
TEST_SPECS = TESTS / "specs"  # small ones, for tests alone
