"""Answers and truth as typed values: through records and back, what is large beside them, and a new type taken through to the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aibenchrt.answers import (
    ANSWER_TYPES,
    TRUTH_TYPES,
    AnswerType,
    Boxes,
    Decision,
    Encoded,
    Frames,
    Gift,
    Label,
    TruthType,
    Voxels,
    answer_of,
    json_codec,
    known_truth,
)
from aibenchrt.collect import schema, typed_values
from aibenchrt.collect.contents import CONTENTS, MOST_BYTES, Contents
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.collect.records import RequestRecord, TruthRecord
from aibenchrt.collect.typed_values import INLINE_BYTES
from aibenchrt.component import PORT_TYPES, Field, PortType, Scalar, Shows
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.metrics import METRICS, Metric, Scope
from aibenchrt.report import quality, statistics
from aibenchrt.report.ablation import compare
from aibenchrt.report.tables import ablation_table, measured
from hypothesis import given
from hypothesis import strategies as st
from recorded import NOWHERE, answer_entries, truth_entries
from synthetic_run import Shape, write_run

_floats = st.floats(allow_nan=False, allow_infinity=False)
_text = st.text(st.characters(blacklist_categories=("Cs",)), max_size=20)
ANSWERS = {
    "ranking": st.lists(st.integers(-(2**63), 2**63 - 1), max_size=9).map(tuple),
    "text": st.lists(_text, max_size=4).map(tuple),
    "label": st.lists(st.tuples(st.integers(0, 99), _floats), max_size=4).map(
        lambda p: Label(tuple(i for i, _ in p), tuple(x for _, x in p))
    ),
    "decision": st.builds(Decision, st.booleans(), _floats),
    "picture": st.binary(max_size=200),
    "boxes": st.lists(st.tuples(st.tuples(_floats, _floats, _floats, _floats), st.integers(0, 99), _floats), max_size=4).map(
        lambda rows: Boxes(*(tuple(row[k] for row in rows) for k in range(3)))
    ),
    "angle": _floats,
    "frames": st.lists(st.tuples(st.binary(max_size=50), st.booleans()), max_size=4).map(
        lambda rows: Frames(tuple(png for png, _ in rows), tuple(lost for _, lost in rows))
    ),
    "bits": st.integers(-1, 2**40),
    "frame": st.builds(Encoded, st.binary(max_size=200), st.booleans(), st.integers(0, 2**63 - 1)),
    "solid": st.builds(Voxels, st.binary(max_size=50), st.integers(-(2**63), 2**63 - 1)),
}
TRUTHS = {
    "relevant": ANSWERS["ranking"],
    "reference": _text,
    "label": st.integers(0, 99),
    "genuine": st.booleans(),
    "original": st.binary(max_size=200),
    "same_class": ANSWERS["ranking"],
    "boxes": ANSWERS["boxes"],
    "angle": _floats,
    "gift": st.builds(Gift, st.integers(0, 2**16 - 1), st.binary(max_size=50)),
    "originals": st.lists(st.binary(max_size=50), min_size=1, max_size=4).map(tuple),
    "solid": ANSWERS["solid"],
}


@given(st.fixed_dictionaries({}, optional=ANSWERS), st.fixed_dictionaries({}, optional=TRUTHS))  # type: ignore[arg-type]
def test_records_give_every_value_back(answer: dict[str, Any], truth: dict[str, Any]) -> None:
    assert ANSWERS.keys() == ANSWER_TYPES.keys()
    assert TRUTHS.keys() == TRUTH_TYPES.keys()
    for values, types, entries in ((answer, ANSWER_TYPES, answer_entries(**answer)), (truth, TRUTH_TYPES, truth_entries(**truth))):
        entry_by_type = {name: typed_values.entry_of(entries, name) for name in types}
        kinds: dict[str, Any] = dict(types)
        assert {n: typed_values.decode(e, kinds[n], NOWHERE) for n, e in entry_by_type.items() if e is not None} == values


def test_a_value_of_no_type_is_refused() -> None:
    with pytest.raises(KeyError, match="smell"):
        answer_entries(smell="of roses")


@pytest.mark.parametrize(
    "entry", ["[]", "[[1],[1],[1],[1],[1]]", "[[1],[1],[1],[1],[1],[]]", "[[1],[],[1],[1],[1],[1]]", "[1,1,1,1,1,1]", "{}"]
)
def test_boxes_that_are_none_are_refused(entry: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        ANSWER_TYPES["boxes"].codec.decode(entry.encode())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[[1],[0]]\n",
        b"[[1],[0]]\nab",
        b"[[-1,2],[0,0]]\na",
        b"[[1],[]]\na",
        b"[[1]]\na",
        b"[1,0]\na",
        b'[["a"],[0]]\na',
        b"[[0.5,0.5],[0,0]]\na",
    ],
)
def test_frames_that_are_none_are_refused(content: bytes) -> None:
    with pytest.raises((ValueError, TypeError)):
        ANSWER_TYPES["frames"].codec.decode(content)


def test_frames_and_codes_are_read_from_their_ports() -> None:
    fields = {"png": [b"one", b"two"], "lost": [False, True], "content": b"12345"}
    answer = answer_of([("Frames", fields.__getitem__), ("Code", fields.__getitem__)])
    assert answer == {"frames": Frames((b"one", b"two"), (False, True)), "bits": 40}


def test_what_is_large_is_kept_once_beside_the_records_and_checked(tmp_path: Path) -> None:
    contents, picture = Contents(tmp_path / CONTENTS), bytes(range(256)) * (INLINE_BYTES // 256 + 1)
    (entry,) = typed_values.encode({"picture": picture}, ANSWER_TYPES, contents)
    assert len(entry) < 100
    assert typed_values.encode({"picture": picture}, ANSWER_TYPES, contents) == (entry,)
    contents.close()
    (path,) = (tmp_path / CONTENTS).iterdir()
    assert path.read_bytes() == picture
    assert entry == f"picture@{path.name}"
    assert typed_values.decode(entry, ANSWER_TYPES["picture"], Contents(tmp_path / CONTENTS)) == picture
    gathered = Contents(tmp_path / "run" / CONTENTS)
    gathered.take_in(tmp_path / CONTENTS, [path.name, "0" * 64, "../run.json"])
    assert gathered.read(path.name) == picture
    path.write_bytes(picture[:-1])
    for broken in (entry, f"picture@{'0' * 64}", "picture@../run.json", "picture:%", "ranking=[1]", "picture"):
        with pytest.raises(EnvironmentFailure) as failure:
            typed_values.decode(broken, ANSWER_TYPES["picture"], contents)
        assert failure.value.code == "AIB609"
    with pytest.raises(EnvironmentFailure) as failure:
        gathered.take_in(tmp_path / CONTENTS, [path.name])
    assert failure.value.code == "AIB609"
    with pytest.raises(EnvironmentFailure) as failure:
        contents.keep(bytes(MOST_BYTES + 1))
    assert failure.value.code == "AIB605"


def test_contents_that_a_disk_does_not_take_are_not_forgotten(tmp_path: Path) -> None:
    """A file is in the place of the folder; once it is removed, what was held in memory is written."""
    (tmp_path / CONTENTS).write_text("in the way")
    contents = Contents(tmp_path / CONTENTS)
    name = contents.keep(b"picture")
    assert contents.read(name) == b"picture"
    with pytest.raises(EnvironmentFailure) as failure:
        contents.close()
    assert failure.value.code == "AIB605"
    (tmp_path / CONTENTS).unlink()
    contents.close()
    assert Contents(tmp_path / CONTENTS).read(name) == b"picture"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(write_run(tmp_path_factory.mktemp("runs") / "shop", Shape(duration_s=8.0, error_share=0.05)))


def with_answers(run: Run, directory: Path, metrics: tuple[str, ...], answer: Any, truth: Any) -> Run:
    """The run with other answers and other truth, written into its records and read again."""
    requests = [replace(r, answer=answer_entries(**answer(r)) if r.outcome == "ok" else ()) for r in run.requests]
    schema.write(directory / "requests.parquet", requests, RequestRecord)
    truths = [TruthRecord(r.request_id, truth_entries(**truth(r)), "") for r in run.requests]
    schema.write(directory / "truth.parquet", truths, TruthRecord)
    return replace(
        run,
        plan=run.plan.model_copy(update={"metrics": metrics}),
        requests=schema.read(directory / "requests.parquet", RequestRecord),
        truth=schema.read(directory / "truth.parquet", TruthRecord),
    )


def test_a_new_answer_type_and_its_metric_need_nothing_else(shop: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals on a line: an answer type, a truth type, a port type that shows it and a metric in other units, one line each."""
    codec = json_codec(list, lambda pair: (float(pair[0]), float(pair[1])))
    monkeypatch.setitem(
        ANSWER_TYPES.own, "span", AnswerType("span", "a span", lambda a, b: (float(a), float(b)), lambda spans: spans[0], (0.0, 0.0), codec)
    )
    monkeypatch.setitem(TRUTH_TYPES.own, "extent", TruthType("extent", "the true span", codec))
    fields = (Field("start", Scalar.FLOAT), Field("end", Scalar.FLOAT))
    monkeypatch.setitem(PORT_TYPES.own, "Span", PortType("Span", fields, "a span", answer=True, shows=(Shows("span", ("start", "end")),)))

    def overlap(truths: Any, answers: Any, _depth: int) -> Any:
        return np.array([max(0.0, min(a[1], t[1]) - max(a[0], t[0])) for t, a in zip(truths, answers, strict=True)])

    monkeypatch.setitem(METRICS.own, "overlap", Metric("overlap", "span", "extent", Scope.PAIR, "metres that agree", overlap, unit="m"))

    def answer(request: RequestRecord) -> Any:
        return answer_of([("Span", {"start": 1.0, "end": 2.0 + request.payload % 2}.__getitem__)])

    run = with_answers(shop, tmp_path, ("overlap",), answer, lambda _: {"extent": (0.0, 10.0)})
    row = next(row for row in quality.quality_rows(run, np.random.default_rng(1)) if row.request_class == "all")
    by_hand = np.mean([1.0 + r.payload % 2 if r.outcome == "ok" else 0.0 for r in run.measured])
    assert row.estimate.value == pytest.approx(by_hand)
    assert row.failed > 0
    assert measured("overlap", row.estimate).endswith(" m")
    changed = with_answers(shop, tmp_path, ("overlap",), lambda _: {"span": (0.0, 0.5)}, lambda _: {"extent": (0.0, 10.0)})
    (worse, *_) = compare(run, changed, np.random.default_rng(1))
    assert worse.worse
    assert worse.variant < worse.base == pytest.approx(by_hand)
    assert ablation_table([worse]).rows[0][3].endswith(" m")


def test_rates_over_a_run_count_what_failed_as_refused(shop: Run, tmp_path: Path) -> None:
    metrics = ("false_accept_rate", "false_reject_rate")
    run = with_answers(
        shop, tmp_path, metrics, lambda r: {"decision": Decision(r.payload % 3 == 0, 0.5)}, lambda r: {"genuine": r.payload % 2 == 0}
    )
    rows = {row.metric: row for row in quality.quality_rows(run, np.random.default_rng(1)) if row.request_class == "all"}
    accepted = {r.request_id: r.outcome == "ok" and r.payload % 3 == 0 for r in run.measured}
    for metric, genuine in zip(metrics, (False, True), strict=True):
        tried = [r for r in run.measured if (r.payload % 2 == 0) == genuine]
        assert rows[metric].estimate.value == pytest.approx(np.mean([accepted[r.request_id] != genuine for r in tried]))
        assert rows[metric].estimate.low < rows[metric].estimate.value < rows[metric].estimate.high
    ok = [r for r in run.measured if r.payload % 2 == 0 and r.outcome == "ok"]
    assert rows["false_reject_rate"].ok_only == pytest.approx(np.mean([not accepted[r.request_id] for r in ok]))
    (same, *_) = compare(run, run, np.random.default_rng(1))
    assert (same.difference.value, same.difference.low, same.difference.high) == (0.0, 0.0, 0.0)
    nobody = with_answers(shop, tmp_path, metrics[:1], lambda _: {"decision": Decision()}, lambda _: {"genuine": True})
    assert quality.quality_rows(nobody, np.random.default_rng(1)) == ()


def test_accuracy_scores_an_answer(shop: Run, tmp_path: Path) -> None:
    run = with_answers(shop, tmp_path, ("accuracy",), lambda r: {"label": Label((r.payload % 2,), (1.0,))}, lambda _: {"label": 1})
    row = next(row for row in quality.quality_rows(run, np.random.default_rng(1)) if row.request_class == "all")
    assert row.estimate.value == pytest.approx(np.mean([r.outcome == "ok" and r.payload % 2 == 1 for r in run.measured]))


def test_a_bootstrap_of_a_statistic_is_that_of_the_mean_where_it_is_the_mean() -> None:
    rng = np.random.default_rng(3)
    values, clusters = rng.random(300), rng.integers(0, 60, 300).tolist()
    whole = statistics.cluster_bootstrap(values, clusters, np.random.default_rng(1))
    other = statistics.cluster_bootstrap_of(lambda n: float(n @ values / n.sum()), clusters, np.random.default_rng(1))
    assert other.value == pytest.approx(whole.value)
    assert (other.low, other.high) == pytest.approx((whole.low, whole.high), abs=0.2 * (whole.high - whole.low))


def test_what_is_known_of_truth_is_judged_by_its_type() -> None:
    assert known_truth({"relevant": (), "reference": " ", "label": 0, "genuine": False, "original": b""}) == {"label", "genuine"}
