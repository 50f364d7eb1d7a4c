"""Simulated queues whose truth is known: many runs at once, as arrays (runs, requests); service has mean 1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Service = Callable[[tuple[int, int], np.random.Generator], Array]


def exponential(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    return rng.exponential(1.0, shape)


def lognormal(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    return rng.lognormal(-0.5, 1.0, shape)


def mixture(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """One request of a hundred takes twenty times as long."""
    return rng.exponential(1.0, shape) * np.where(rng.random(shape) < 0.01, 20.0, 1.0) / 1.19


def fifo(arrivals: Array, service: Array, before: Array | float = 0.0) -> Array:
    """Sojourn times in a queue with one server, first come first served. before: work that the first request of each run finds."""
    walk = np.empty(arrivals.shape)
    walk[:, 0] = before
    walk[:, 1:] = service[:, :-1] - np.diff(arrivals, axis=1)
    walk = np.cumsum(walk, axis=1)
    return walk - np.minimum(np.minimum.accumulate(walk, axis=1), 0.0) + service


def queue(shape: tuple[int, int], load: float, rng: np.random.Generator, service: Service = exponential) -> tuple[Array, Array]:
    """(arrival times, sojourn times) at this utilisation, about stationary from the start: requests of a warm-up are left out."""
    warmup = 0 if service is exponential else 2000
    arrivals = np.cumsum(rng.exponential(1 / load, (shape[0], shape[1] + warmup)), axis=1)
    before = np.where(rng.random(shape[0]) < load, rng.exponential(1 / (1 - load), shape[0]), 0.0)  # exact for M/M/1
    times = fifo(arrivals, service(arrivals.shape, rng), before)
    return arrivals[:, warmup:], times[:, warmup:]
