"""Data sets that are made from another's requests: spoken queries and telephone calls, on every world that they can belong to."""

from __future__ import annotations

import io
import wave
from typing import Any

import numpy as np
import pytest
from aibenchrt.code_key import reachable
from aibenchrt.component import DatasetSpec
from aibenchrt.datasets.interactions.spoken import MOST, transcripts
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.specs import DATASETS, shared_worlds
from aibenchrt.datasets.telephone_calls.dataset import by_telephone
from aibenchrt.datasets.worlds import deriving, load_world, module_of, payloads_of, provenance_of, world_name
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Plan, PlanPort, PlanRequest
from numpy.typing import NDArray
from shop_plan import shop_plan

SPECS = DATASETS


def plan_of(*requests: tuple[str, str]) -> Plan:
    """A plan whose request classes come from these data sets and sources."""
    classes = tuple(
        PlanRequest(name=f"c{k}", share=1 / len(requests), dataset=dataset, source=source, ports=(PlanPort(name="audio", type="Audio"),))
        for k, (dataset, source) in enumerate(requests)
    )
    return shop_plan().model_copy(update={"requests": classes, "datasets": {dataset: dataset for dataset, _ in requests}})


def test_every_data_set_makes_a_world_or_is_made_from_one() -> None:
    for spec in (spec for spec in DATASETS.values() if spec.implemented):
        assert hasattr(deriving(spec.name), "derived") if spec.made_from else hasattr(module_of(spec.name), "WORLDS")
        for source in spec.made_from:
            world, _, name = source.partition(".")
            assert name in {known.name for known in SPECS[world].sources}


@pytest.mark.parametrize(
    ("names", "worlds"),
    [
        (("spoken_queries",), ("movielens_shop", "web_pages", "news")),
        (("spoken_queries", "news"), ("news",)),
        (("web_pages", "spoken_queries", "web_pages"), ("web_pages",)),
        (("telephone_calls", "translation"), ("translation",)),
        (("telephone_calls", "spoken_queries"), ()),
        (("movielens_shop", "news"), ()),
        (("unheard_of", "unheard_of"), ("unheard_of",)),
        ((), ()),
    ],
)
def test_a_scenario_has_the_world_that_all_its_data_sets_can_belong_to(names: tuple[str, ...], worlds: tuple[str, ...]) -> None:
    assert shared_worlds(names) == worlds


def test_a_plan_is_of_the_one_world() -> None:
    assert world_name(plan_of(("spoken_queries", "test"), ("news", "visits"))) == "news"
    assert world_name(plan_of(("spoken_queries", "test"))) == "movielens_shop"
    with pytest.raises(EnvironmentFailure, match="AIB672"):
        world_name(plan_of(("spoken_queries", "test"), ("translation", "texts")))


def samples(payload: Payload) -> NDArray[np.float64]:
    with wave.open(io.BytesIO(payload.values["audio"]["wav"])) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2") / 32768


def of(spec: DatasetSpec, world: str, split: str) -> tuple[list[Payload], dict[int, Payload], Any]:
    """The payloads of a derived data set in a world, those that they are made from by their ids, and the world."""
    made_from = next(source.partition(".")[2] for source in spec.made_from if source.startswith(f"{world}."))
    plan = plan_of((spec.name, spec.sources[0].name), (world, made_from))
    loaded = load_world(plan, "synthetic")
    own, base = (payloads_of(plan, request, loaded, split) for request in plan.requests)
    return own, {payload.query_id: payload for payload in base}, loaded


FIRST, *OTHERS = SPECS["spoken_queries"].worlds


@pytest.mark.parametrize("world", [FIRST, *(pytest.param(world, marks=pytest.mark.long) for world in OTHERS)])
def test_queries_are_spoken_with_the_truth_of_the_typed_ones(world: str) -> None:
    spec = SPECS["spoken_queries"]
    said: dict[str, set[str]] = {}
    for split in ("validation", "test"):
        own, base, loaded = of(spec, world, split)
        assert 0 < len(own) <= MOST[split]
        for payload in own:
            written = base[payload.query_id]
            assert (payload.truth, payload.user, payload.part) == (written.truth, written.user, written.part)
            assert payload.values.keys() == {"audio", "user"}
        said[split] = {payload.note for payload in own}
        lengths = [(len(payload.note.replace(" ", "")), len(samples(payload))) for payload in own]
        assert np.corrcoef(np.array(lengths).T)[0, 1] > 0.8, "what is longer takes longer to say"
        assert {payload.query_id: payload.note for payload in own} == transcripts(loaded, split)
    assert not said["validation"] & said["test"]
    assert not (said["validation"] | said["test"]) & set(transcripts(loaded, "train").values())
    assert provenance_of(spec.name, loaded)[-1].kind == "composed"


def test_the_same_query_is_always_said_alike() -> None:
    own, _, loaded = of(SPECS["spoken_queries"], "movielens_shop", "validation")
    assert [payload.values["audio"]["wav"] for payload in own] == [utterance.wav for utterance in loaded.utterances("validation")]
    with pytest.raises(ValueError, match="no split"):
        loaded.utterances("all")


def test_a_source_that_there_is_not_is_refused() -> None:
    plan = plan_of(("spoken_queries", "queries"))
    with pytest.raises(ValueError, match="no source"):
        payloads_of(plan, plan.requests[0], load_world(plan, "synthetic"), "test")


def power(sound: NDArray[np.float64], low: float, high: float) -> float:
    """Of the part between two frequencies, in hertz."""
    spectrum = np.abs(np.fft.rfft(sound)) ** 2
    frequency = np.fft.rfftfreq(len(sound), 1 / 16_000)
    return float(spectrum[(frequency >= low) & (frequency < high)].sum())


def test_a_call_is_the_utterance_in_a_telephones_band() -> None:
    own, base, _ = of(SPECS["telephone_calls"], "translation", "test")
    assert len(own) == len(base)
    again, _, _ = of(SPECS["telephone_calls"], "translation", "test")
    for payload, other in zip(own[:20], again, strict=False):
        spoken = base[payload.query_id]
        assert payload.values == other.values
        assert (payload.truth, payload.note) == (spoken.truth, spoken.note)
        heard, clear = samples(payload), samples(spoken)
        assert len(heard) == len(clear)
        assert power(heard, 4200, 8000) < 0.01 * power(heard, 300, 3400)
        assert 0.5 < power(heard, 500, 3000) / power(clear, 500, 3000) < 2
        assert power(heard, 0, 150) < 0.05 * power(clear, 0, 150) + 0.01 * power(heard, 300, 3400)


def test_another_rate_is_refused() -> None:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * 100)
    with pytest.raises(ValueError, match="8000 Hz"):
        by_telephone(out.getvalue(), np.random.default_rng(1))


def test_how_queries_sound_is_part_of_a_recognisers_key() -> None:
    """A world's version does not cover what it computes when it is asked."""
    assert "aibenchrt.datasets.interactions.spoken" in reachable(["aibenchrt.components.speech_recognition.train"])
