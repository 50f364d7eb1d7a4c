"""What an answer holds, and the truth it is compared with: the tables ANSWER_TYPES and TRUTH_TYPES. Standard library only.

A port type says what of it is shown (`PortType.shows`), a data set which truth its requests hold, a metric which of both it scores.
Records, scores, reports and the compiler ask these tables and name no type: a new type is its line here, and a port type that shows it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from typing import Any

from aibenchrt.component import PORT_TYPES
from aibenchrt.registry import Registry

ReadField = Callable[[str], Any]  # reads the field of this name of a port's value
Answer = Mapping[str, Any]  # answer type → its value; empty for a request that failed
Truth = Mapping[str, Any]  # truth type → its value


@dataclass(frozen=True)
class Label:
    """Categories, most probable first, each with its probability."""

    labels: tuple[int, ...] = ()
    probabilities: tuple[float, ...] = ()


@dataclass(frozen=True)
class Decision:
    """score: the higher, the more certain that accepting is right."""

    accepted: bool = False
    score: float = 0.0


@dataclass(frozen=True)
class Boxes:
    """Things seen in a picture, surest first. corners: (left, top, right, bottom) of each, in pixels, right and bottom the first beyond.

    labels: what each is. scores: how sure of each; a true box has 1.
    """

    corners: tuple[tuple[float, float, float, float], ...] = ()
    labels: tuple[int, ...] = ()
    scores: tuple[float, ...] = ()


@dataclass(frozen=True)
class Frames:
    """Consecutive frames. pngs: each, PNG; b"" where there is none. lost: whether it stands in for one that did not arrive."""

    pngs: tuple[bytes, ...] = ()
    lost: tuple[bool, ...] = ()


@dataclass(frozen=True)
class Encoded:
    """An encoded frame of a stream. key: it can be decoded alone; otherwise after those before it. number: its place in the stream."""

    content: bytes = b""
    key: bool = False
    number: int = 0


@dataclass(frozen=True)
class Voxels:
    """A body as a value of port type Solid holds it: side³ voxels, one bit each."""

    content: bytes = b""
    side: int = 0


@dataclass(frozen=True)
class Gift:
    """What was wished as a gift in a frame. reader: of gifts, as bytes (gifts.py)."""

    label: int
    reader: bytes


@dataclass(frozen=True)
class Codec:
    """How a record holds a value: decode(encode(value)) == value. binary: the bytes are no UTF-8 text.

    decode raises ValueError or TypeError on bytes that encode does not make.
    """

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    binary: bool = False


@dataclass(frozen=True)
class TruthType:
    """A kind of held-out truth. needs: completes 'it needs …' in messages. known: whether an answer can be compared with the value."""

    name: str
    needs: str
    codec: Codec
    known: Callable[[Any], bool] = bool


@dataclass(frozen=True)
class AnswerType:
    """A kind of answer. needs: completes 'it needs …' in messages. nothing: the answer of a request that failed.

    read: from the fields that a port type names (`Shows.fields`), in their order; join: from the values of several ports of one response.
    decodes_to: the answer type that its values become when they are decoded in the order of their stream; empty: none.
    """

    name: str
    needs: str
    read: Callable[..., Any]
    join: Callable[[Sequence[Any]], Any]
    nothing: Any
    codec: Codec
    decodes_to: str = ""


def json_codec(plain: Callable[[Any], Any], value: Callable[[Any], Any]) -> Codec:
    """A codec that stores values as JSON. plain: value → JSON types; value: the inverse."""

    def encode(held: Any) -> bytes:
        return json.dumps(plain(held), ensure_ascii=False, separators=(",", ":")).encode("utf-8", errors="backslashreplace")

    return Codec(encode, lambda content: value(json.loads(content)))


BYTES = Codec(bytes, bytes, binary=True)


def _pack(parts: Sequence[bytes], flags: Sequence[bool] = ()) -> bytes:
    """One line of JSON, the lengths of the parts and the flags, and the parts behind it."""
    return json.dumps([list(map(len, parts)), list(map(int, flags))], separators=(",", ":")).encode() + b"\n" + b"".join(parts)


def _unpacked(content: bytes) -> tuple[tuple[bytes, ...], tuple[bool, ...]]:
    """(parts, flags). ValueError or TypeError: `_pack` makes no such bytes."""
    head, _, body = content.partition(b"\n")
    lengths, flags = json.loads(head)
    if min(lengths, default=0) < 0 or sum(lengths) != len(body):
        raise ValueError("the parts are not as long as is said")
    ends = tuple(accumulate(lengths, initial=0))
    return tuple(body[start:end] for start, end in pairwise(ends)), tuple(map(bool, flags))


def _first(values: Sequence[Any]) -> Any:
    return values[0]


def _joined(values: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(chain(*values))


def _ids(ids: Iterable[Any]) -> tuple[int, ...]:
    return tuple(map(int, ids))


def _texts(texts: str | Iterable[str]) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts)


def _label(labels: Iterable[Any], probabilities: Iterable[Any]) -> Label:
    return Label(tuple(map(int, labels)), tuple(map(float, probabilities)))


def _decision(accepted: Any, score: Any) -> Decision:
    return Decision(bool(accepted), float(score))


def _boxes(*columns: Iterable[Any]) -> Boxes:
    """columns: left, top, right, bottom, label, score, equally long. ValueError: they are not."""
    *sides, labels, scores = (tuple(column) for column in columns)
    if len(sides) != 4 or {len(column) for column in (*sides, scores)} != {len(labels)}:
        raise ValueError("the columns of boxes are not equally long")
    left, top, right, bottom = (tuple(map(float, side)) for side in sides)
    return Boxes(tuple(zip(left, top, right, bottom, strict=True)), tuple(map(int, labels)), tuple(map(float, scores)))


def _frames(pngs: Iterable[Any], lost: Iterable[Any]) -> Frames:
    """ValueError: not as many of both."""
    frames = Frames(tuple(map(bytes, pngs)), tuple(map(bool, lost)))
    if len(frames.pngs) != len(frames.lost):
        raise ValueError("there are not as many frames as are said to be lost or not")
    return frames


def _encoded(content: Any, key: Any, number: Any) -> Encoded:
    """ValueError: the number is below zero, or has more than 63 bits."""
    if not 0 <= int(number) < 1 << 63:
        raise ValueError("the number of a frame is out of range")
    return Encoded(bytes(content), bool(key), int(number))


def _plain_encoded(frame: Encoded) -> bytes:
    return frame.number.to_bytes(8, "big") + bytes([frame.key]) + frame.content


def _read_encoded(content: bytes) -> Encoded:
    if len(content) < 9 or content[8] > 1:
        raise ValueError("this is no encoded frame with its number")
    return _encoded(content[9:], content[8], int.from_bytes(content[:8], "big"))


def _plain_gift(gift: Gift) -> bytes:
    return gift.label.to_bytes(2, "big") + gift.reader


def _read_gift(content: bytes) -> Gift:
    if len(content) < 2:
        raise ValueError("this is no gift")
    return Gift(int.from_bytes(content[:2], "big"), content[2:])


def _bits(content: Any) -> int:
    return 8 * len(content)


def _plain_boxes(boxes: Boxes) -> list[Any]:
    return [*([corner[side] for corner in boxes.corners] for side in range(4)), boxes.labels, boxes.scores]


_FRAMES = Codec(lambda frames: _pack(frames.pngs, frames.lost), lambda content: _frames(*_unpacked(content)), binary=True)
_PICTURES = Codec(_pack, lambda content: _unpacked(content)[0], binary=True)
_ENCODED = Codec(_plain_encoded, _read_encoded, binary=True)


def _plain_voxels(voxels: Voxels) -> bytes:
    return voxels.side.to_bytes(8, signed=True) + voxels.content


def _voxels_of(content: bytes) -> Voxels:
    if len(content) < 8:
        raise ValueError("no voxels")
    return Voxels(content[8:], int.from_bytes(content[:8], signed=True))


_VOXELS = Codec(_plain_voxels, _voxels_of, binary=True)
_BOXES = json_codec(_plain_boxes, lambda columns: _boxes(*columns))


ANSWER_TYPES: Registry[AnswerType] = Registry(
    (
        AnswerType("ranking", "a ranking of items", _ids, _joined, (), json_codec(list, _ids)),
        AnswerType("text", "a text", _texts, _joined, (), json_codec(list, _texts)),
        AnswerType(
            "label", "a label", _label, _first, Label(), json_codec(lambda label: [label.labels, label.probabilities], lambda p: _label(*p))
        ),
        AnswerType(
            "decision", "a decision to accept or to refuse", _decision, _first, Decision(),
            json_codec(lambda decision: [decision.accepted, decision.score], lambda p: _decision(*p)),
        ),
        AnswerType("picture", "a picture", bytes, _first, b"", BYTES),
        AnswerType("frame", "an encoded frame", _encoded, _first, Encoded(), _ENCODED, decodes_to="picture"),
        AnswerType("boxes", "boxes of what is seen", _boxes, _first, Boxes(), _BOXES),
        AnswerType("angle", "an angle", float, _first, 0.0, json_codec(float, float)),
        AnswerType("frames", "frames", _frames, _first, Frames(), _FRAMES),
        AnswerType("bits", "a picture's code", _bits, sum, -1, json_codec(int, int)),  # their number; of a failed request -1
        AnswerType("solid", "a body", lambda content, side: Voxels(bytes(content), int(side)), _first, Voxels(), _VOXELS),
    )
)  # fmt: skip

TRUTH_TYPES: Registry[TruthType] = Registry(
    (
        TruthType("relevant", "the ids of relevant items", json_codec(list, _ids)),
        TruthType("reference", "a reference text", json_codec(str, str), known=lambda text: bool(text.strip())),
        TruthType("label", "a true label", json_codec(int, int), known=lambda _: True),
        TruthType("genuine", "whether to accept", json_codec(bool, bool), known=lambda _: True),
        TruthType("original", "the original picture", BYTES),
        TruthType("same_class", "the ids of items of the same class", json_codec(list, _ids)),
        TruthType("boxes", "the true boxes", _BOXES, known=lambda boxes: bool(boxes.labels)),
        TruthType("angle", "the true angle", json_codec(float, float), known=lambda _: True),
        TruthType("gift", "what was wished as a gift", Codec(_plain_gift, _read_gift, binary=True), known=lambda _: True),
        TruthType("originals", "the original frames", _PICTURES),
        TruthType("solid", "the true body", _VOXELS, known=lambda voxels: any(voxels.content)),
    )
)


def answer_of(parts: Iterable[tuple[str, ReadField]]) -> Answer:
    """parts: each port of the response that has a value, in order: its type's name and its value."""
    values: dict[str, list[Any]] = {}
    for type_name, read in parts:
        port_type = PORT_TYPES.get(type_name)
        for shows in port_type.shows if port_type is not None else ():
            values.setdefault(shows.answer, []).append(ANSWER_TYPES[shows.answer].read(*map(read, shows.fields)))
    return {name: ANSWER_TYPES[name].join(shown) for name, shown in values.items()}


def shown_by(port_types: Iterable[str]) -> frozenset[str]:
    """The answer types that ports of these types show, at once or when they are decoded."""
    shown = {shows.answer for name in port_types if name in PORT_TYPES for shows in PORT_TYPES[name].shows}
    return frozenset(shown | {ANSWER_TYPES[name].decodes_to for name in shown if name in ANSWER_TYPES} - {""})


def encoded_as(answer_type: str) -> AnswerType | None:
    """The type whose values become this one when they are decoded; None if there is none."""
    return next((kind for kind in ANSWER_TYPES.values() if kind.decodes_to == answer_type), None)


def known_truth(truth: Truth) -> frozenset[str]:
    """The truth types whose value an answer can be compared with."""
    return frozenset(name for name, value in truth.items() if name in TRUTH_TYPES and TRUTH_TYPES[name].known(value))
