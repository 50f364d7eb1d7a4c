"""Every quality metric: which answers it scores against which truth, over what, which way is better. The compiler reads METRICS.

Standard library when imported; the libraries that count load with the first score.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any

from aibenchrt.answers import Boxes, Decision, Frames, Gift, Label, Voxels
from aibenchrt.figure_format import number, percent_bounds
from aibenchrt.picture_quality import MOST_DB
from aibenchrt.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Scores = NDArray[np.float64]
    Statistic = Callable[[NDArray[np.float64]], float]  # how often each answer counts → the value; NaN if there is none


class Scope(Enum):
    """What one value is computed from: the set of items in one answer, one answer and its truth, or all answers of a run."""

    SET = "set"
    PAIR = "pair"
    RUN = "run"


SHARE = "%"


@dataclass(frozen=True)
class Metric:
    """name: without a depth. depth: written with one, as 'ndcg@10'. means: its meaning, shown after the name in a report.

    answer, truth: the types that it scores (answers.ANSWER_TYPES, TRUTH_TYPES). score: (truths, answers, depth) → one value each; of a
    metric over a run → its Statistic. unit: '%' of a share, shown times 100; another is shown as it is. Values lie in [0, most].
    """

    name: str
    answer: str
    truth: str
    scope: Scope
    means: str
    score: Callable[[Sequence[Any], Sequence[Any], int], Any]
    lower_is_better: bool = False
    depth: bool = False
    unit: str = SHARE
    most: float = 1.0

    @property
    def scale(self) -> float:
        """The factor by which a value is multiplied when shown."""
        return 100.0 if self.unit == SHARE else 1.0


def _items(name: str) -> Callable[[Sequence[Sequence[int]], Sequence[Sequence[int]], int], Scores]:
    """Item ids, best first (repetitions count once), against relevant ones. By ir-measures (MacAvaney et al. 2022, ECIR)."""

    def score(truths: Sequence[Sequence[int]], answers: Sequence[Sequence[int]], depth: int) -> Scores:
        import ir_measures
        import numpy as np

        measures = {"precision": ir_measures.P, "recall": ir_measures.R, "ndcg": ir_measures.nDCG, "hit_rate": ir_measures.Success}
        qrels, shown = [], []
        for row, (truth, answer) in enumerate(zip(truths, answers, strict=True)):
            key = str(row)
            qrels += [ir_measures.Qrel(key, str(item), 1) for item in set(truth)]
            once = list(dict.fromkeys(answer))
            shown += [ir_measures.ScoredDoc(key, str(item), float(len(once) - rank)) for rank, item in enumerate(once)]
        values = {m.query_id: m.value for m in ir_measures.iter_calc([measures[name] @ depth], qrels, shown)} if shown else {}
        return np.array([values.get(str(number), 0.0) for number in range(len(truths))], dtype=np.float64)

    return score


def _texts(name: str, best: Callable[[Any], float] = max) -> Callable[[Sequence[str], Sequence[Sequence[str]], int], Scores]:
    """The score of the text that agrees best with the (non-empty) reference; no text counts as an empty one."""

    def score(references: Sequence[str], answers: Sequence[Sequence[str]], _depth: int) -> Scores:
        import numpy as np

        of = _agreement(name)
        pairs = zip(references, answers, strict=True)
        return np.array([best(of(reference, text) for text in texts or ("",)) for reference, texts in pairs], dtype=np.float64)

    return score


def _accuracy(truths: Sequence[int], answers: Sequence[Label], _depth: int) -> Scores:
    import numpy as np

    return np.array([float(answer.labels[:1] == (truth,)) for truth, answer in zip(truths, answers, strict=True)], dtype=np.float64)


def _psnr(truths: Sequence[bytes], answers: Sequence[bytes], _depth: int) -> Scores:
    """Peak signal-to-noise ratio, 10 log10(255² / mean squared error) over all pixels that count and channels, at most MOST_DB.

    0 if the answer is not a picture, or one of another size. ValueError: a truth is not a picture.
    """
    import numpy as np

    from aibenchrt.picture_quality import counted, decibels, shown

    def score(truth: bytes, answer: bytes) -> float:
        original, counts = counted(truth)
        picture = shown(answer, original)
        if counts is None or picture is None:
            return decibels(original, picture)
        return decibels(original[counts], picture[counts])

    return np.array([score(truth, answer) for truth, answer in zip(truths, answers, strict=True)], dtype=np.float64)


def _ssim(truths: Sequence[bytes], answers: Sequence[bytes], _depth: int) -> Scores:
    """Structural similarity; where something of the original does not count, of the largest part to one side of that."""
    import numpy as np

    from aibenchrt.picture_quality import counted, opaque_part, shown, ssim

    def score(truth: bytes, answer: bytes) -> float:
        original, counts = counted(truth)
        picture = shown(answer, original)
        if counts is None or picture is None:
            return ssim(original, picture)
        part = opaque_part(counts)
        return ssim(original[part], picture[part])

    return np.array([score(truth, answer) for truth, answer in zip(truths, answers, strict=True)], dtype=np.float64)


def _gift_accuracy(truths: Sequence[Gift], answers: Sequence[bytes], _depth: int) -> Scores:
    """1 where the reader reads what was wished. 0 if the answer is not a picture, or has no room for a gift."""
    import numpy as np

    from aibenchrt.gifts import reader_of
    from aibenchrt.picture_quality import pixels

    def score(truth: Gift, answer: bytes) -> float:
        picture = pixels(answer)
        if picture is None or picture.shape[0] < 2 or picture.shape[1] < picture.shape[0] // 2:
            return 0.0
        return float(reader_of(truth.reader).in_frame(picture) == truth.label)

    return np.array([score(truth, answer) for truth, answer in zip(truths, answers, strict=True)], dtype=np.float64)


def _of_frames(name: str) -> Callable[[Sequence[Sequence[bytes]], Sequence[Frames], int], Scores]:
    """The mean over the frames of a group; one that is missing, or no picture of the original's size, has 0."""

    def score(truths: Sequence[Sequence[bytes]], answers: Sequence[Frames], _depth: int) -> Scores:
        import numpy as np

        from aibenchrt.picture_quality import of_each

        pairs = zip(truths, answers, strict=True)
        return np.array([float(np.mean(of_each(name, truth, answer.pngs))) for truth, answer in pairs], dtype=np.float64)

    return score


def _conceal_psnr(truths: Sequence[Sequence[bytes]], answers: Sequence[Frames], _depth: int) -> Statistic:
    """Over the groups that lost a frame, of each the mean over the lost ones. A group without an answer counts, with 0."""
    import numpy as np

    from aibenchrt.picture_quality import of_each

    values, counted = np.zeros(len(answers)), np.zeros(len(answers))
    for place, (truth, answer) in enumerate(zip(truths, answers, strict=True)):
        lost = [number for number, gone in enumerate(answer.lost) if gone and number < len(truth)]
        if lost:
            values[place] = np.mean(of_each("psnr", [truth[number] for number in lost], [answer.pngs[number] for number in lost]))
        counted[place] = float(bool(lost) or not answer.pngs)

    def statistic(counts: NDArray[np.float64]) -> float:
        whole = float(counts @ counted)
        return float(counts @ (counted * values)) / whole if whole else float("nan")

    return statistic


def _bits_per_pixel(truths: Sequence[Sequence[bytes]], answers: Sequence[int], _depth: int) -> Scores:
    """A code's bits over the pixels of the first original frame; MOST_BPP if there is no code."""
    import numpy as np

    from aibenchrt.picture_quality import held_out

    def each(truth: Sequence[bytes], bits: int) -> float:
        height, width, _ = held_out(truth[0]).shape
        return min(MOST_BPP, bits / (height * width)) if bits >= 0 else MOST_BPP

    return np.array([each(truth, bits) for truth, bits in zip(truths, answers, strict=True)], dtype=np.float64)


MOST_BPP = 24.0  # of a picture of three bytes a pixel that nothing has compressed


def _map50(truths: Sequence[Boxes], answers: Sequence[Boxes], _depth: int) -> Statistic:
    from aibenchrt.average_precision import mean_average_precision

    return mean_average_precision(truths, answers, 0.5)


def _wrongly(accepted: bool) -> Callable[[Sequence[bool], Sequence[Decision], int], Statistic]:
    """accepted: the fraction accepted of those to be refused; otherwise the fraction refused of those to be accepted."""

    def score(truths: Sequence[bool], answers: Sequence[Decision], _depth: int) -> Statistic:
        from aibenchrt.error_rates import wrongly

        return wrongly(truths, [answer.accepted for answer in answers], accepted)

    return score


def _equal_error_rate(truths: Sequence[bool], answers: Sequence[Decision], _depth: int) -> Statistic:
    from aibenchrt.error_rates import Trials

    return Trials(truths, [answer.score for answer in answers]).equal_error_rate


def _decision_accuracy(truths: Sequence[bool], answers: Sequence[Decision], _depth: int) -> Scores:
    import numpy as np

    return np.array([float(answer.accepted == truth) for truth, answer in zip(truths, answers, strict=True)], dtype=np.float64)


def _voxel_iou(truths: Sequence[Voxels], answers: Sequence[Voxels], _depth: int) -> Scores:
    import numpy as np

    from aibenchrt.shape_overlap import voxel_iou

    return np.array([voxel_iou(truth, answer) for truth, answer in zip(truths, answers, strict=True)], dtype=np.float64)


def _silhouette_iou(truths: Sequence[bytes], answers: Sequence[bytes], _depth: int) -> Scores:
    import numpy as np

    from aibenchrt.shape_overlap import silhouette_iou

    return np.array([silhouette_iou(truth, answer) for truth, answer in zip(truths, answers, strict=True)], dtype=np.float64)


def _angle_error(truths: Sequence[float], answers: Sequence[float], _depth: int) -> Scores:
    """Degrees between two directions, the short way round; 180 if the answer is not finite. ValueError: a truth is not."""
    import numpy as np

    true, given = np.asarray(truths, dtype=np.float64), np.asarray(answers, dtype=np.float64)
    if not np.isfinite(true).all():
        raise ValueError("a true angle is not a number")
    apart = true - np.where(np.isfinite(given), given, true + 180.0)
    between: Scores = np.abs((apart + 180.0) % 360.0 - 180.0)
    return between


METRICS: Registry[Metric] = Registry(
    (
        Metric(
            "precision", "ranking", "relevant", Scope.SET, "share of those shown first that are true", _items("precision"), depth=True
        ),
        Metric("recall", "ranking", "relevant", Scope.SET, "share of the true ones among those shown first", _items("recall"), depth=True),
        Metric("ndcg", "ranking", "relevant", Scope.SET, "the share of true ones, with more weight on the top", _items("ndcg"), depth=True),
        Metric(
            "hit_rate", "ranking", "relevant", Scope.SET, "share of requests with a true one among those shown first", _items("hit_rate"),
            depth=True,
        ),
        Metric(
            "same_class_precision", "ranking", "same_class", Scope.SET, "share of those shown first that are of the right class",
            _items("precision"), depth=True,
        ),
        Metric(
            "same_class_ndcg", "ranking", "same_class", Scope.SET, "the share of the right class, with more weight on the top",
            _items("ndcg"), depth=True,
        ),
        Metric(
            "chrf", "text", "reference", Scope.PAIR,
            "agreement of character n-grams with the reference (chrF, Popović 2015), sentence by sentence", _texts("chrf"),
        ),
        Metric(
            "bleu", "text", "reference", Scope.PAIR,
            "agreement of word n-grams with the reference (BLEU, Papineni et al. 2002), sentence by sentence", _texts("bleu"),
        ),
        Metric(
            "rouge_l", "text", "reference", Scope.PAIR, "longest common subsequence with the reference (ROUGE-L F1, Lin 2004)",
            _texts("rouge_l"),
        ),
        Metric(
            "wer", "text", "reference", Scope.PAIR, "wrong, missing and superfluous words per word of the reference, at most 1",
            _texts("wer", min), lower_is_better=True,
        ),
        Metric(
            "cer", "text", "reference", Scope.PAIR, "wrong, missing and superfluous characters per character of it, at most 1",
            _texts("cer", min), lower_is_better=True,
        ),
        Metric("accuracy", "label", "label", Scope.PAIR, "share of answers that are the true label", _accuracy),
        Metric(
            "ssim", "picture", "original", Scope.PAIR, "structural similarity to the original picture (SSIM, Wang et al. 2004)", _ssim,
        ),
        Metric(
            "gift_accuracy", "picture", "gift", Scope.PAIR, "share of gifts in which a frozen classifier reads what was wished",
            _gift_accuracy,
        ),
        Metric(
            "psnr", "picture", "original", Scope.PAIR, "peak signal-to-noise ratio to the original picture, at most 100 dB", _psnr,
            unit="dB", most=MOST_DB,
        ),
        Metric(
            "delivered_psnr", "frames", "originals", Scope.PAIR,
            "peak signal-to-noise ratio of the frames delivered to the original ones, mean over a group", _of_frames("psnr"),
            unit="dB", most=MOST_DB,
        ),
        Metric(
            "conceal_psnr", "frames", "originals", Scope.RUN,
            "peak signal-to-noise ratio of what stands in for lost frames to the original ones", _conceal_psnr, unit="dB", most=MOST_DB,
        ),
        Metric(
            "ms_ssim", "frames", "originals", Scope.PAIR,
            "multi-scale structural similarity of the frames delivered to the original ones (Wang et al. 2003), mean over a group",
            _of_frames("ms_ssim"),
        ),
        Metric(
            "bits_per_pixel", "bits", "originals", Scope.PAIR, "bits of the key frame's code per pixel", _bits_per_pixel,
            lower_is_better=True, unit="bit/px", most=MOST_BPP,
        ),
        Metric(
            "map50", "boxes", "boxes", Scope.RUN,
            "mean over the classes of the average precision of boxes that overlap a true one by half (COCO's AP50, Lin et al. 2014)",
            _map50,
        ),
        Metric(
            "angle_error", "angle", "angle", Scope.PAIR, "degrees between the angle and the true one", _angle_error, lower_is_better=True,
            unit="°", most=180.0,
        ),
        Metric(
            "voxel_iou", "solid", "solid", Scope.PAIR, "intersection over union of the body's voxels with the true ones", _voxel_iou,
        ),
        Metric(
            "silhouette_iou", "picture", "original", Scope.PAIR,
            "intersection over union of what is before the background, in the picture and in the original one", _silhouette_iou,
        ),
        Metric(
            "false_accept_rate", "decision", "genuine", Scope.RUN, "share of those to refuse that were accepted", _wrongly(accepted=True),
            lower_is_better=True,
        ),
        Metric(
            "false_reject_rate", "decision", "genuine", Scope.RUN, "share of those to accept that were refused", _wrongly(accepted=False),
            lower_is_better=True,
        ),
        Metric(
            "equal_error_rate", "decision", "genuine", Scope.RUN,
            "share wrongly accepted, and share wrongly refused, at the threshold of the score where both are the same",
            _equal_error_rate, lower_is_better=True,
        ),
        Metric(
            "decision_accuracy", "decision", "genuine", Scope.PAIR, "share of decisions that are right", _decision_accuracy,
        ),
    )
)  # fmt: skip


def metric(name: str) -> Metric | None:
    """The metric called 'ndcg@10' or 'wer'; None if there is none, or if the depth is missing, not a number, or too large."""
    bare, at, depth = name.partition("@")
    row = METRICS.get(bare)
    if row is None or row.depth != bool(at) or (at and not (depth.isascii() and depth.isdigit() and int(depth) > 0)):
        return None
    return row


def lower_is_better(name: str) -> bool:
    """Whether less is better; of an unknown name: no."""
    row = metric(name)
    return row is not None and row.lower_is_better


def value_shown(name: str, value: float, low: float | None = None, high: float | None = None) -> str:
    """A value with its interval, if it has one, in the metric's unit: '86.4 % [85.2, 87.4]', '10.5 ° [9.42, 11.6]'."""
    row = metric(name)
    if row is None or row.unit == SHARE:
        return percent_bounds(value, low, high)
    return f"{number(value)} {row.unit}" + ("" if low is None or high is None else f" [{number(low)}, {number(high)}]")


def score_each(name: str, truths: Sequence[Any], answers: Sequence[Any]) -> Scores:
    """Per answer the metric against its truth, one that is known. ValueError: no metric, or one over all answers of a run."""
    scores: Scores = _metric(name, over_run=False).score(truths, answers, _depth(name))
    return scores


def score_all(name: str, truths: Sequence[Any], answers: Sequence[Any]) -> Statistic:
    """The metric over all these answers, as a function of how often each counts. ValueError: no metric over a run."""
    value: Statistic = _metric(name, over_run=True).score(truths, answers, _depth(name))
    return value


def _metric(name: str, over_run: bool) -> Metric:
    row = metric(name)
    if row is None or (row.scope is Scope.RUN) != over_run:
        raise ValueError(f"{name} is not a metric of {'all answers' if over_run else 'single answers'}")
    return row


def _depth(name: str) -> int:
    return int(name.partition("@")[2] or 0)


@cache
def _agreement(name: str) -> Callable[[str, str], float]:
    """(reference, text) → score in [0, 1]."""
    return {"chrf": _chrf, "bleu": _bleu, "rouge_l": _rouge_l, "wer": _wer, "cer": _cer}[name]()


def _chrf() -> Callable[[str, str], float]:
    import sacrebleu

    chrf = sacrebleu.CHRF()
    return lambda reference, text: _share(chrf.sentence_score(text, [reference]).score / 100)


def _bleu() -> Callable[[str, str], float]:
    import sacrebleu

    bleu = sacrebleu.BLEU(effective_order=True)  # a sentence of fewer than four words has no 4-grams
    return lambda reference, text: _share(bleu.sentence_score(text, [reference]).score / 100)


def _rouge_l() -> Callable[[str, str], float]:
    from rouge_score import rouge_scorer

    rouge: Any = rouge_scorer.RougeScorer(["rougeL"])
    return lambda reference, text: float(rouge.score(reference, text)["rougeL"].fmeasure)


def _wer() -> Callable[[str, str], float]:
    import jiwer

    return lambda reference, text: _share(jiwer.wer(reference, text))


def _cer() -> Callable[[str, str], float]:
    import jiwer

    return lambda reference, text: _share(jiwer.cer(reference, text))


def _share(value: float) -> float:
    """Sums of floats may pass 1 by a rounding; error rates may by far, and count as 1."""
    return min(1.0, max(0.0, float(value)))
