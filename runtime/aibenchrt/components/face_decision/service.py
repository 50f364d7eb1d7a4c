"""Face decision: the payer's template against what the two models made of a request's face and shape.

Templates are made of the captures taken at enrolment, by the models whose vectors are compared with them, and are encrypted at rest; their
key is in a file of its own, mode 0600. Fusion and threshold are learnt once, on the validation persons and with the models themselves.
"""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aibenchrt.components.encryption.sealing import KEY_BYTES, open_at_rest, seal_at_rest
from aibenchrt.components.face_decision.fusion import Fusion, Trials, accepted_shares, fit, fusion_of
from aibenchrt.serve.pictures import MOST_PIXELS, colour_pixels
from aibenchrt.serve.prepare import LEARNT
from aibenchrt.values import Values, Work
from aibenchrt.whole_file import OWNERS, write_bytes

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import Captured, EnrolledWorld, FaceWorld

    class Enrolled(FaceWorld, EnrolledWorld, Protocol):
        """Faces, and those taken at enrolment."""


_FUSION, _TEMPLATES, _KEY = "fusion.json", "templates.json", "template.key"
_SIDE = 8  # pixels, of what stands in for models

Vector = NDArray[np.float64]
Pair = tuple[Vector, Vector]  # a face, and its shape


def pixels(inputs: Values) -> Values:
    """Stands in for a model of faces where the decision is measured alone: 8 × 8 pixels, less their mean, of unit length."""
    return {"vector": {"value": _unit(colour_pixels(inputs["image"]["png"], _SIDE).astype(np.float64).ravel(), centred=True).tolist()}}


def relief(inputs: Values) -> Values:
    """Stands in for a model of shapes: 8 × 8 depths, less the mean of those that are known."""
    with Image.open(io.BytesIO(inputs["depth"]["png"]), formats=("PNG",)) as opened:
        if opened.width * opened.height > MOST_PIXELS:
            raise ValueError("the picture of depth is too large")
        depth = np.asarray(opened, dtype=np.float64)
    known = depth > 0
    flat = np.where(known, depth - (depth[known].mean() if known.any() else 0.0), 0.0)
    rows, columns = (np.linspace(0, side, _SIDE + 1).astype(int)[:-1] for side in flat.shape[:2])
    return {"vector": {"value": _unit(np.add.reduceat(np.add.reduceat(flat, rows, axis=0), columns, axis=1).ravel()).tolist()}}


def learn(world: Enrolled, settings: Mapping[str, str | int], folder: Path, embed: Work = pixels, recognise: Work = relief) -> None:
    """embed, recognise: the models themselves, also in an ablation. ValueError: the world has nobody, or nobody's photo, to learn from."""
    trials = trials_of(world, "validation", embed, recognise)
    fusion = fit(trials, int(settings["false_accepts"]) / 1000)
    counts = {kind: len(getattr(trials, kind)) for kind in ("genuine", "strangers", "printed")}
    document = {"fusion": fusion.document(), "accepted": accepted_shares(fusion, trials), "trials": counts}
    (folder / _FUSION).write_text(json.dumps(document, indent=1), encoding="ascii")


def prepare(world: Enrolled, settings: Mapping[str, str | int], folder: Path, embed: Work = pixels, recognise: Work = relief) -> None:  # noqa: ARG001 - what it sets is learnt
    """embed, recognise: what makes the vectors that are compared with the templates. ValueError: a vector is empty, or not finite."""
    key = os.urandom(KEY_BYTES)
    write_bytes(folder / _KEY, key, OWNERS)
    sealed = {
        person: base64.b64encode(seal_at_rest(_packed(pair), key, person)).decode()
        for person, pair in templates(world.enrolled("test"), embed, recognise).items()
    }
    (folder / _TEMPLATES).write_text(json.dumps(sealed), encoding="ascii")


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - it keeps nothing
    """SealError: somebody changed a template."""
    fusion = fusion_of(json.loads((folder / LEARNT / _FUSION).read_bytes())["fusion"])
    return Decision(fusion, _opened(json.loads((folder / _TEMPLATES).read_bytes()), (folder / _KEY).read_bytes()))


class Decision:
    """Implements `Work`. templates: person → face and shape, of unit length.

    A payer for whom nobody is enrolled is refused, with the score of a face as unlike as can be: so are those who try the path before a
    load, who are no customers. ValueError: a vector is not as long as the template's, or not finite.
    """

    def __init__(self, fusion: Fusion, enrolled: Mapping[int, Pair]) -> None:
        self._fusion, self._enrolled = fusion, enrolled

    def __call__(self, inputs: Values) -> Values:
        payer = inputs["payment"]["payer"]
        if payer not in self._enrolled:
            return {"decision": {"accepted": False, "score": float(self._fusion.scores(np.array([[-1.0, -1.0]]))[0])}}
        face, shape = self._enrolled[payer]
        similar = np.array([[_cosine(face, inputs["face"]["value"]), _cosine(shape, inputs["shape"]["value"])]])
        score = float(self._fusion.scores(similar)[0])
        return {"decision": {"accepted": score > 0, "score": score}}


def templates(captures: Iterable[Captured], embed: Work, recognise: Work) -> dict[int, Pair]:
    """Person → the mean of the vectors of these captures, of unit length; in order of persons."""
    seen: dict[int, list[Pair]] = {}
    for capture in captures:
        seen.setdefault(capture.person, []).append(vectors(capture, embed, recognise))
    return {person: _means(pairs) for person, pairs in sorted(seen.items())}


def vectors(capture: Captured, embed: Work, recognise: Work) -> Pair:
    """Of unit length. ValueError: one is empty, or not finite."""
    image, depth = {"png": capture.png}, {"png": capture.depth}
    face = embed({"image": image})["vector"]["value"]
    shape = recognise({"image": image, "depth": depth})["vector"]["value"]
    return _unit(_finite(face)), _unit(_finite(shape))


def trials_of(world: Enrolled, split: str, embed: Work, recognise: Work) -> Trials:
    """Every capture of the split's persons against the templates of all of them, and every printed photo against its person's own."""
    enrolled = templates(world.enrolled(split), embed, recognise)
    persons = np.array(list(enrolled))
    every = tuple(np.stack([pair[kind] for pair in enrolled.values()]) for kind in range(2)) if enrolled else ()

    def compared(captures: Sequence[Captured]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """(captures, persons, 2) similarities, and which of them are of a person with its own template."""
        made = [vectors(capture, embed, recognise) for capture in captures]
        similar = np.stack([np.stack([pair[kind] for pair in made]) @ every[kind].T for kind in range(2)], axis=2)
        return similar, np.array([capture.person for capture in captures])[:, None] == persons[None]

    faces = [capture for capture in world.faces(split) if capture.person in enrolled]
    printed = [capture for capture in world.printed(split) if capture.person in enrolled]
    if not faces or not printed:
        raise ValueError(f"the world has no faces of enrolled persons, or no printed photos of them, in '{split}'")
    (similar, own), (flat, its) = compared(faces), compared(printed)
    return Trials(similar[own], similar[~own], flat[its])


def _opened(sealed: Mapping[str, str], key: bytes) -> dict[int, Pair]:
    enrolled: dict[int, Pair] = {}
    for person, text in sealed.items():
        face_length, *row = np.frombuffer(open_at_rest(base64.b64decode(text), key, int(person)), dtype="<f8")
        enrolled[int(person)] = (np.array(row[: int(face_length)]), np.array(row[int(face_length) :]))
    return enrolled


def _packed(pair: Pair) -> bytes:
    """How long the vector of the face is, that vector, and that of the shape."""
    return np.concatenate([[len(pair[0])], *pair]).astype("<f8").tobytes()


def _means(pairs: Sequence[Pair]) -> Pair:
    face, shape = (_unit(np.mean([pair[kind] for pair in pairs], axis=0)) for kind in range(2))
    return face, shape


def _cosine(template: Vector, value: Sequence[float]) -> float:
    vector = _finite(value)
    if vector.shape != template.shape:
        raise ValueError(f"the template has {len(template)} numbers, and the vector {len(vector)}")
    return float((template * _unit(vector)).sum())  # without BLAS, whose threads would spin on cores that others need


def _finite(value: Sequence[float]) -> Vector:
    vector = np.asarray(value, dtype=np.float64)
    if vector.ndim != 1 or not len(vector) or not np.isfinite(vector).all():
        raise ValueError("a vector holds finite numbers, and at least one")
    return vector


def _unit(vector: Vector, *, centred: bool = False) -> Vector:
    moved = vector - vector.mean() if centred else vector
    unit: Vector = moved / max(float(np.sqrt((moved * moved).sum())), 1e-9)
    return unit
