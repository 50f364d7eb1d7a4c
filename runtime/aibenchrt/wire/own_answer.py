"""Whether an inference's answer is the answer to that inference. A Triton whose memory is damaged answers one call with what it read of
another, before it stops answering (serve/SOAK.md)."""

from __future__ import annotations

from typing import Any

SHOWN = 40  # characters of what a server calls the call


def another_call(request: Any, response: Any) -> str:
    """Which call a ModelInferResponse names, if that is not its ModelInferRequest's; '' if it is. Safe to print on one line."""
    if response.id == request.id and response.model_name == request.model_name:
        return ""
    return f"id {response.id[:SHOWN]!a} of model {response.model_name[:SHOWN]!a}"
