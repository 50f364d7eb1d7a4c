"""The language: text to tree, and back.

lark imports `regex` wherever that is installed (nltk and sacrebleu bring it), a twentieth of the time of `check`, and would use it only for
a grammar that asks for it; ours does not. None in `sys.modules` is how Python is told that a module is not to be had.
"""

from __future__ import annotations

import sys

if "regex" not in sys.modules:
    sys.modules["regex"] = None  # type: ignore[assignment]  # taken out again below
    try:
        import lark  # noqa: F401
    finally:
        del sys.modules["regex"]
