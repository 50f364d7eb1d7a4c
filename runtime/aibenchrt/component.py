"""What the compiler may know about a component: typed ports, models, settings. Standard library only.

One table, PORT_TYPES, maps each port type to its proto fields and to its tensors; nothing else in the house
lists the fields of a port.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from aibenchrt.registry import Registry


class Scalar(Enum):
    """A field's element type: (proto3 type, Triton datatype, Python type name)."""

    STRING = ("string", "BYTES", "str")
    BYTES = ("bytes", "BYTES", "bytes")
    INT64 = ("int64", "INT64", "int")
    FLOAT = ("float", "FP32", "float")
    BOOL = ("bool", "BOOL", "bool")

    @property
    def proto(self) -> str:
        return self.value[0]

    @property
    def triton(self) -> str:
        return self.value[1]


@dataclass(frozen=True)
class Field:
    """One proto field and one tensor: `[1]`, or `[n]` when repeated. A BYTES tensor holds UTF-8 or an encoded image."""

    name: str
    scalar: Scalar
    repeated: bool = False


@dataclass(frozen=True)
class Shows:
    """How a port type is an answer: an answer type (answers.ANSWER_TYPES), and the fields that its `read` takes, in that order."""

    answer: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class PortType:
    """A named record of fields. Repeated fields of one port type all have the same length. `answer`: may be part of a response.

    shows: the answers that a value holds when it is part of a response, of a scenario or of a component benchmark. private: of a person, so
    that logs hold a hash in its place.
    """

    name: str
    fields: tuple[Field, ...]
    doc: str
    answer: bool = False
    shows: tuple[Shows, ...] = ()
    private: bool = False


PORT_TYPES: Registry[PortType] = Registry(
    (
        PortType("Text", (Field("text", Scalar.STRING),), "what a user typed or said", shows=(Shows("text", ("text",)),)),
        PortType(
            "Image",
            (Field("png", Scalar.BYTES),),
            "one picture, PNG encoded",
            answer=True,
            shows=(Shows("picture", ("png",)),),
        ),
        PortType("Audio", (Field("wav", Scalar.BYTES),), "one utterance, 16 kHz mono WAV"),
        PortType("User", (Field("user_id", Scalar.INT64),), "who asks; ids of the scenario's data set"),
        PortType(
            "Query",
            (Field("text", Scalar.STRING), Field("term", Scalar.STRING, repeated=True)),
            "a parsed query: its normalised text and its terms in order",
        ),
        PortType(
            "Category",
            (Field("label", Scalar.INT64, repeated=True), Field("probability", Scalar.FLOAT, repeated=True)),
            "the most probable categories, most probable first",
            answer=True,
            shows=(Shows("label", ("label", "probability")),),
        ),
        PortType(
            "Profile",
            (
                Field("user_id", Scalar.INT64),
                Field("age", Scalar.INT64),
                Field("gender", Scalar.STRING),
                Field("occupation", Scalar.STRING),
                Field("history", Scalar.INT64, repeated=True),
            ),
            "a user's record; history: item ids liked in the training period, newest first",
        ),
        PortType(
            "Weights",
            (Field("weight", Scalar.FLOAT, repeated=True),),
            "a user's personal ranking weights, one per category in label order, summing to 1",
        ),
        PortType(
            "Items",
            (
                Field("item_id", Scalar.INT64, repeated=True),
                Field("category", Scalar.INT64, repeated=True),
                Field("popularity", Scalar.FLOAT, repeated=True),
                Field("search_score", Scalar.FLOAT, repeated=True),
                Field("recommend_score", Scalar.FLOAT, repeated=True),
                Field("rank_score", Scalar.FLOAT, repeated=True),
            ),
            "candidates (goods, pages, articles), best first by the last stage that scored them; a score not yet given is 0",
            shows=(Shows("ranking", ("item_id",)),),
        ),
        PortType("Count", (Field("value", Scalar.INT64),), "a number of things"),
        PortType("Flag", (Field("value", Scalar.BOOL),), "yes or no"),
        PortType(
            "Decision",
            (Field("accepted", Scalar.BOOL), Field("score", Scalar.FLOAT)),
            "whether to accept, and the score that decided: the higher, the surer",
            answer=True,
            shows=(Shows("decision", ("accepted", "score")),),
        ),
        PortType(
            "Details",
            (
                Field("item_id", Scalar.INT64, repeated=True),
                Field("title", Scalar.STRING, repeated=True),
                Field("category", Scalar.INT64, repeated=True),
                Field("price", Scalar.FLOAT, repeated=True),
            ),
            "the goods as shown to the user, best first",
            answer=True,
            shows=(Shows("ranking", ("item_id",)),),
        ),
        PortType("Suggestions", (Field("text", Scalar.STRING, repeated=True),), "what the user may want to ask next", answer=True),
        PortType(
            "Translation",
            (Field("text", Scalar.STRING),),
            "the translation shown to the user",
            answer=True,
            shows=(Shows("text", ("text",)),),
        ),
        PortType(
            "Documents",
            (
                Field("item_id", Scalar.INT64, repeated=True),
                Field("url", Scalar.STRING, repeated=True),
                Field("title", Scalar.STRING, repeated=True),
                Field("text", Scalar.STRING, repeated=True),
            ),
            "fetched pages, in order",
            shows=(Shows("ranking", ("item_id",)),),
        ),
        PortType(
            "Snippets",
            (
                Field("item_id", Scalar.INT64, repeated=True),
                Field("title", Scalar.STRING, repeated=True),
                Field("text", Scalar.STRING, repeated=True),
            ),
            "what the user sees of each page, in order",
            answer=True,
            shows=(Shows("ranking", ("item_id",)), Shows("text", ("text",))),
        ),
        PortType(
            "Boxes",
            (
                Field("left", Scalar.FLOAT, repeated=True),
                Field("top", Scalar.FLOAT, repeated=True),
                Field("right", Scalar.FLOAT, repeated=True),
                Field("bottom", Scalar.FLOAT, repeated=True),
                Field("label", Scalar.INT64, repeated=True),
                Field("score", Scalar.FLOAT, repeated=True),
            ),
            "things found in a picture, surest first; edges in its pixels, right and bottom the first beyond",
            answer=True,
            shows=(Shows("boxes", ("left", "top", "right", "bottom", "label", "score")),),
        ),
        PortType(
            "Turn", (Field("degrees", Scalar.FLOAT),), "by how much something is turned, clockwise", shows=(Shows("angle", ("degrees",)),)
        ),
        PortType("Vector", (Field("value", Scalar.FLOAT, repeated=True),), "an embedding, of unit length", private=True),
        PortType("Caption", (Field("text", Scalar.STRING),), "what is said of a picture", answer=True, shows=(Shows("text", ("text",)),)),
        PortType(
            "Depth",
            (Field("png", Scalar.BYTES),),
            "how far what a picture shows is: PNG, 16-bit grey, 0.1 mm a level; 0: nothing there",
            private=True,
        ),
        PortType(
            "Sealed",
            (Field("content", Scalar.BYTES),),
            "a sealed message: its readable header, and what only its key opens",
            answer=True,
            private=True,
        ),
        PortType(
            "Payment",
            (
                Field("payment_id", Scalar.STRING),
                Field("payer", Scalar.INT64),
                Field("payee", Scalar.INT64),
                Field("amount", Scalar.INT64),
                Field("nonce", Scalar.BYTES),
            ),
            "a payment as ordered; amount in cents; nonce: of the message that ordered it, used once",
            private=True,
        ),
        PortType(
            "Receipt",
            (
                Field("payment_id", Scalar.STRING),
                Field("payer", Scalar.INT64),
                Field("accepted", Scalar.BOOL),
                Field("score", Scalar.FLOAT),
                Field("reason", Scalar.STRING),
                Field("balance", Scalar.INT64),
            ),
            "what became of a payment, and the payer's balance after it, in cents; reason: accepted, replayed, face, funds or no_account",
            answer=True,
            shows=(Shows("decision", ("accepted", "score")),),
            private=True,
        ),
        PortType(
            "Moment",
            (Field("stream", Scalar.INT64), Field("number", Scalar.INT64)),
            "which frame this is: its stream, and its number in it, from 0; set when a request is sent",
        ),
        PortType(
            "Shot",
            (Field("clip", Scalar.INT64), Field("frame", Scalar.INT64)),
            "a frame of a clip, or the first of a group of them; numbers of the scenario's data set",
        ),
        PortType(
            "Packet",
            (Field("content", Scalar.BYTES), Field("key", Scalar.BOOL), Field("number", Scalar.INT64)),
            "an encoded frame, or group of frames, of a stream: decoded after those before it, or, if key, alone",
            answer=True,
            shows=(Shows("frame", ("content", "key", "number")),),
        ),
        PortType(
            "Frames",
            (Field("png", Scalar.BYTES, repeated=True), Field("lost", Scalar.BOOL, repeated=True)),
            "consecutive frames, PNG encoded; lost: this one did not arrive, and what is here stands in for it, if anything is",
            answer=True,
            shows=(Shows("frames", ("png", "lost")),),
        ),
        PortType(
            "Code",
            (Field("content", Scalar.BYTES), Field("width", Scalar.INT64), Field("height", Scalar.INT64)),
            "a picture as entropy-coded bits of a learned compression; its size in pixels",
            answer=True,
            shows=(Shows("bits", ("content",)),),
        ),
        PortType(
            "Wish",
            (Field("label", Scalar.INT64), Field("seed", Scalar.INT64)),
            "what a generated picture is to show: a class of the scenario's data set; the seed of its noise",
        ),
        PortType(
            "Solid",
            (Field("content", Scalar.BYTES), Field("side", Scalar.INT64)),
            "a body of side x side x side voxels, one bit each, z slowest and x fastest, packed from the highest bit on",
            answer=True,
            shows=(Shows("solid", ("content", "side")),),
        ),
        PortType(
            "Camera",
            (Field("azimuth", Scalar.FLOAT), Field("elevation", Scalar.FLOAT), Field("distance", Scalar.FLOAT)),
            "from where a body at the origin is seen: degrees, and its sides' half length as unit",
        ),
        PortType("Report", (Field("text", Scalar.STRING),), "an internal report that no user sees"),
        PortType(
            "Any",
            (
                Field("request_id", Scalar.INT64),
                Field("task", Scalar.STRING),
                Field("parent", Scalar.STRING),
                Field("port", Scalar.STRING),
                Field("type", Scalar.STRING),
                Field("start_ns", Scalar.INT64),
                Field("end_ns", Scalar.INT64),
                Field("content", Scalar.BYTES),
            ),
            "an auxiliary component's input: a value of any type, as bytes, with the call that put it out; times by the planner's clock",
        ),
    )
)

ANY = "Any"


@dataclass(frozen=True)
class Port:
    """A typed input or output. `many`: an input that takes several values at once, in edge order of the spec."""

    name: str
    type: str
    optional: bool = False
    many: bool = False


class Kind(Enum):
    AI = "ai"  # a model behind the Open Inference Protocol
    SERVICE = "service"  # a gRPC service generated from its ports


class Profile(Enum):
    """A deployment's size: which of a task's models it may use."""

    SMALL = "small"
    FULL = "full"


class Material(Enum):
    """What a component's models train on.

    A world with a time split has a last stretch of its training period, `rank`, whose requests are what PATH models learn from.
    """

    WORLD = "world"  # the scenario's world, without the requests of `rank`
    PERIOD = "period"  # the scenario's world, all of its training period: a PATH model learns from what this model is as of `rank_start`
    PATH = "path"  # the requests of `rank` as they reach the component in its scenario, run with the other models


@dataclass(frozen=True)
class Model:
    """A named configuration of a component's model. Quality and cost are declared, not measured.

    quality: metric name → declared value as a share in [0, 1]; cost: multiply-adds of one request, in millions.
    memory_mib: measured, what its process holds beyond the component's own `memory_mib` (weights twice, as ONNX Runtime reads them).
    """

    name: str
    profile: Profile
    quality: tuple[tuple[str, float], ...]
    cost: float
    paper: str
    memory_mib: int = 0


@dataclass(frozen=True)
class Setting:
    """A setting that a spec may give a task. `choices` empty: any value of the kind ('word' or 'count').

    untimed: for a time limit, the value used where times do not count (planner/in_process), so that slow machines give the same answers.
    """

    name: str
    kind: str
    default: str | int | None
    choices: tuple[str, ...] = ()
    doc: str = ""
    untimed: int | None = None


@dataclass(frozen=True)
class Ports:
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


@dataclass(frozen=True)
class Transcript:
    """Where a world holds transcripts of a component's input: `examples`(split), each with the input's field `field` and its `text`."""

    examples: str
    port: str
    field: str


@dataclass(frozen=True)
class Need:
    """Something that components need from a world and worlds give: a row of datasets/needs.py, or of a library's own module.

    doc: text for messages, the object of "needs" and "gives". protocol: what a world that gives it must have.
    """

    name: str
    doc: str
    protocol: type


@dataclass(frozen=True)
class ComponentSpec:
    """A component of a library. `variants`: the ports where they depend on the value of setting `varies_by`.

    package: where its code is, `__package__` of the module that declares it: <package>.service with `open_work`, or <package>.serve and
    <package>.train of an AI component.

    transcript: for a recogniser, what its answers are compared with. state, state_by: the state that it keeps on disk, and the setting
    whose value names it: tasks with the same state share a host, and have one replica.

    memory_mib: of a process (AI: of a model in Triton) that holds this component alone; cpu_ms: CPU time of one call with all that gRPC
    or Triton and the model take. Both as measured in a run of e-commerce search (real data, 30 requests/s, AMD EPYC), rounded
    up; an AI component's cpu_ms is without its model's multiply-adds (`Model.cost`).

    made_with: of a service, input ports. Its data are prepared with the models that feed these ports, in this order: what makes the
    vectors that an index is asked with makes those that are searched. Empty: its data need no model.

    audited: its state has invariants, which are checked after every run (aibenchrt.state_audit).

    by_stream: an input port of type Moment. The component keeps a state for each stream, so all frames of a stream go to one replica while
    it serves, and begin afresh at another. Empty: any replica takes any call.

    needs: what its training and its preparation need from the scenario's world; needs_if: what else they need if a setting has a value, as
    (setting, value, needs).
    """

    name: str
    package: str
    family: str
    kind: Kind
    doc: str
    ports: Ports
    varies_by: str | None = None
    variants: tuple[tuple[str, Ports], ...] = ()
    models: tuple[Model, ...] = ()
    baseline: str | None = None
    metrics: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()
    auxiliary: bool = False
    effect: bool = False
    trains: bool = False
    trains_on: Material = Material.WORLD
    transcript: Transcript | None = None
    implemented: bool = True
    state: str | None = None
    state_by: str | None = None
    memory_mib: int = 64
    cpu_ms: float = 1.0
    made_with: tuple[str, ...] = ()
    audited: bool = False
    by_stream: str = ""
    needs: tuple[Need, ...] = ()
    needs_if: tuple[tuple[str, str | int, tuple[Need, ...]], ...] = ()

    def state_of(self, settings: Mapping[str, str | int]) -> str | None:
        """The name of the state that a task with these settings keeps on disk; None if it keeps none."""
        if self.state is None or self.state_by is None:
            return self.state
        default = next(s.default for s in self.settings if s.name == self.state_by)
        return f"{self.state} {settings.get(self.state_by, default)}"

    def ports_for(self, settings: dict[str, str | int]) -> Ports:
        """The ports under these settings; the default variant where the setting is not given."""
        if self.varies_by is None:
            return self.ports
        default = next(s.default for s in self.settings if s.name == self.varies_by)
        return dict(self.variants).get(str(settings.get(self.varies_by, default)), self.ports)

    def needs_for(self, settings: Mapping[str, str | int]) -> tuple[Need, ...]:
        """What a task with these settings needs from its world; a setting that is not given has its default."""
        values = {setting.name: settings.get(setting.name, setting.default) for setting in self.settings}
        return (*self.needs, *(need for setting, value, needs in self.needs_if if values[setting] == value for need in needs))


@dataclass(frozen=True)
class RequestSource:
    """Where a request class takes its payloads and held-out truth from: `dataset.name` in a spec.

    once: each payload can be sent once in the life of a deployment, as a message with a nonce can. pair_apart_s: payloads 2k and 2k + 1
    belong together: both are sent, the second this many seconds after the first (0: at the same instant). clip: payloads k * clip to
    (k + 1) * clip - 1 are consecutive frames, or groups of frames, of clip k, which a stream sends in this order; 0: no stream can be made
    of them. All sources of a data set that have it have the same number, and the same clips in the same order.
    """

    name: str
    ports: tuple[Port, ...]
    doc: str
    once: bool = False
    pair_apart_s: float | None = None
    clip: int = 0


@dataclass(frozen=True)
class DatasetSpec:
    """A data set of a library. `metrics`: the end-to-end quality metrics its truth can yield, of the types `truth_types` (answers.py).

    package: where its code is: <package>.dataset makes it, as datasets/worlds.py describes.

    made_from: empty for one that makes a world of its own; otherwise the request sources, one per world, of which its requests are another
    form, such as ('movielens_shop.queries', …): it belongs to whichever of these worlds the scenario has, or to the first if the scenario
    has none. truth: what the held-out truth of a request is, as the end of a sentence in reports. gives: what its world gives to
    components, in every variant; empty if it is made from the requests of another data set, whose world gives it. clustered_by: the port
    of its requests whose value the truth depends on, such as 'user' where one user's requests are answered alike well: intervals of
    quality then draw whole users; or a field of it, as 'shot.clip'. Empty: only requests with the same content belong together.
    """

    name: str
    package: str
    doc: str
    licence: str
    data_class: tuple[str, ...]
    sources: tuple[RequestSource, ...]
    metrics: tuple[str, ...]
    implemented: bool = True
    truth: str = "what the data set holds out"
    made_from: tuple[str, ...] = ()
    truth_types: tuple[str, ...] = ()
    gives: tuple[Need, ...] = ()
    clustered_by: str = ""

    @property
    def worlds(self) -> tuple[str, ...]:
        """The worlds that its requests can belong to: data sets by name."""
        return tuple(source.partition(".")[0] for source in self.made_from) or (self.name,)
