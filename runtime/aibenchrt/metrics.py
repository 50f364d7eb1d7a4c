"""Every quality metric: which way is better, what truth it needs, how one answer is scored. The compiler reads METRICS.

Scores are per answer, in [0, 1]. Standard library when imported; the libraries that count load with the first score.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Scores = NDArray[np.float64]


class Needs(Enum):
    """What a metric compares: item ids with relevant ones, texts with a reference, a label with the true one."""

    ITEMS = "items"
    TEXT = "text"
    LABEL = "label"


@dataclass(frozen=True)
class Metric:
    """name: without a depth. depth: written with one, as 'ndcg@10'. means: for people, after the name in a report."""

    name: str
    needs: Needs
    means: str
    lower_is_better: bool = False
    depth: bool = False


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("precision", Needs.ITEMS, "share of those shown first that are true", depth=True),
        Metric("recall", Needs.ITEMS, "share of the true ones among those shown first", depth=True),
        Metric("ndcg", Needs.ITEMS, "the share of true ones, with more weight on the top", depth=True),
        Metric("hit_rate", Needs.ITEMS, "share of requests with a true one among those shown first", depth=True),
        Metric("chrf", Needs.TEXT, "agreement of character n-grams with the reference (chrF, Popović 2015), sentence by sentence"),
        Metric("bleu", Needs.TEXT, "agreement of word n-grams with the reference (BLEU, Papineni et al. 2002), sentence by sentence"),
        Metric("rouge_l", Needs.TEXT, "longest common subsequence with the reference (ROUGE-L F1, Lin 2004)"),
        Metric("wer", Needs.TEXT, "wrong, missing and superfluous words per word of the reference, at most 1", lower_is_better=True),
        Metric("cer", Needs.TEXT, "wrong, missing and superfluous characters per character of it, at most 1", lower_is_better=True),
        Metric("accuracy", Needs.LABEL, "share of answers that are the true label"),
    )
}


def metric(name: str) -> Metric | None:
    """The metric called 'ndcg@10' or 'wer'; None where there is none, or where the depth is missing, not a number, or too much."""
    bare, at, depth = name.partition("@")
    found = METRICS.get(bare)
    if found is None or found.depth != bool(at) or (at and not (depth.isascii() and depth.isdigit() and int(depth) > 0)):
        return None
    return found


def lower_is_better(name: str) -> bool:
    """Whether less is better; of an unknown name: no."""
    found = metric(name)
    return found is not None and found.lower_is_better


def score_items(name: str, truths: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> Scores:
    """Per answer (item ids, best first; repetitions count once) the metric against its truth (item ids, at least one).

    By ir-measures (MacAvaney et al. 2022, ECIR). ValueError: no metric of items.
    """
    import ir_measures
    import numpy as np

    found = metric(name)
    if found is None or found.needs is not Needs.ITEMS:
        raise ValueError(f"{name} is no metric of items")
    measures = {"precision": ir_measures.P, "recall": ir_measures.R, "ndcg": ir_measures.nDCG, "hit_rate": ir_measures.Success}
    qrels, shown = [], []
    for number, (truth, answer) in enumerate(zip(truths, answers, strict=True)):
        key = str(number)
        qrels += [ir_measures.Qrel(key, str(item), 1) for item in set(truth)]
        once = list(dict.fromkeys(answer))
        shown += [ir_measures.ScoredDoc(key, str(item), float(len(once) - rank)) for rank, item in enumerate(once)]
    wanted = measures[found.name] @ int(name.partition("@")[2])
    values = {m.query_id: m.value for m in ir_measures.iter_calc([wanted], qrels, shown)} if shown else {}
    return np.array([values.get(str(number), 0.0) for number in range(len(truths))], dtype=np.float64)


def score_texts(name: str, references: Sequence[str], answers: Sequence[Sequence[str]]) -> Scores:
    """Per answer (the texts shown) the metric of the text that agrees best with the reference (not empty); no text is an empty one.

    ValueError: no metric of texts.
    """
    import numpy as np

    found = metric(name)
    if found is None or found.needs is not Needs.TEXT:
        raise ValueError(f"{name} is no metric of texts")
    of, best = _texts(found.name), min if found.lower_is_better else max
    return np.array(
        [best(of(reference, text) for text in texts or ("",)) for reference, texts in zip(references, answers, strict=True)],
        dtype=np.float64,
    )


@cache
def _texts(name: str) -> Callable[[str, str], float]:
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
