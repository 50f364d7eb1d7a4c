from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Image(_message.Message):
    __slots__ = ("png",)
    PNG_FIELD_NUMBER: _ClassVar[int]
    png: bytes
    def __init__(self, png: _Optional[bytes] = ...) -> None: ...

class User(_message.Message):
    __slots__ = ("user_id",)
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    user_id: int
    def __init__(self, user_id: _Optional[int] = ...) -> None: ...

class Flag(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: bool
    def __init__(self, value: _Optional[bool] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("accepted", "score")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    accepted: bool
    score: float
    def __init__(self, accepted: _Optional[bool] = ..., score: _Optional[float] = ...) -> None: ...

class Vector(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, value: _Optional[_Iterable[float]] = ...) -> None: ...

class Depth(_message.Message):
    __slots__ = ("png",)
    PNG_FIELD_NUMBER: _ClassVar[int]
    png: bytes
    def __init__(self, png: _Optional[bytes] = ...) -> None: ...

class Sealed(_message.Message):
    __slots__ = ("content",)
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    content: bytes
    def __init__(self, content: _Optional[bytes] = ...) -> None: ...

class Payment(_message.Message):
    __slots__ = ("payment_id", "payer", "payee", "amount", "nonce")
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    PAYER_FIELD_NUMBER: _ClassVar[int]
    PAYEE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    payment_id: str
    payer: int
    payee: int
    amount: int
    nonce: bytes
    def __init__(self, payment_id: _Optional[str] = ..., payer: _Optional[int] = ..., payee: _Optional[int] = ..., amount: _Optional[int] = ..., nonce: _Optional[bytes] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("payment_id", "payer", "accepted", "score", "reason", "balance")
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    PAYER_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    BALANCE_FIELD_NUMBER: _ClassVar[int]
    payment_id: str
    payer: int
    accepted: bool
    score: float
    reason: str
    balance: int
    def __init__(self, payment_id: _Optional[str] = ..., payer: _Optional[int] = ..., accepted: _Optional[bool] = ..., score: _Optional[float] = ..., reason: _Optional[str] = ..., balance: _Optional[int] = ...) -> None: ...

class StageTiming(_message.Message):
    __slots__ = ("stage", "ns")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    NS_FIELD_NUMBER: _ClassVar[int]
    stage: str
    ns: int
    def __init__(self, stage: _Optional[str] = ..., ns: _Optional[int] = ...) -> None: ...

class Timing(_message.Message):
    __slots__ = ("queue_ns", "service_ns", "stage")
    QUEUE_NS_FIELD_NUMBER: _ClassVar[int]
    SERVICE_NS_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    queue_ns: int
    service_ns: int
    stage: _containers.RepeatedCompositeFieldContainer[StageTiming]
    def __init__(self, queue_ns: _Optional[int] = ..., service_ns: _Optional[int] = ..., stage: _Optional[_Iterable[_Union[StageTiming, _Mapping]]] = ...) -> None: ...

class OpenRequest(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: Sealed
    def __init__(self, message: _Optional[_Union[Sealed, _Mapping]] = ...) -> None: ...

class OpenReply(_message.Message):
    __slots__ = ("payment", "pictures", "timing")
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    PICTURES_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    payment: Payment
    pictures: Sealed
    timing: Timing
    def __init__(self, payment: _Optional[_Union[Payment, _Mapping]] = ..., pictures: _Optional[_Union[Sealed, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class NonceRequest(_message.Message):
    __slots__ = ("payment",)
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    payment: Payment
    def __init__(self, payment: _Optional[_Union[Payment, _Mapping]] = ...) -> None: ...

class NonceReply(_message.Message):
    __slots__ = ("payment", "receipt", "replayed", "timing")
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    payment: Payment
    receipt: Receipt
    replayed: Flag
    timing: Timing
    def __init__(self, payment: _Optional[_Union[Payment, _Mapping]] = ..., receipt: _Optional[_Union[Receipt, _Mapping]] = ..., replayed: _Optional[_Union[Flag, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class RefuseRequest(_message.Message):
    __slots__ = ("receipt",)
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    receipt: Receipt
    def __init__(self, receipt: _Optional[_Union[Receipt, _Mapping]] = ...) -> None: ...

class RefuseReply(_message.Message):
    __slots__ = ("sealed", "receipt", "timing")
    SEALED_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    sealed: Sealed
    receipt: Receipt
    timing: Timing
    def __init__(self, sealed: _Optional[_Union[Sealed, _Mapping]] = ..., receipt: _Optional[_Union[Receipt, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class UnsealRequest(_message.Message):
    __slots__ = ("payment", "pictures")
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    PICTURES_FIELD_NUMBER: _ClassVar[int]
    payment: Payment
    pictures: Sealed
    def __init__(self, payment: _Optional[_Union[Payment, _Mapping]] = ..., pictures: _Optional[_Union[Sealed, _Mapping]] = ...) -> None: ...

class UnsealReply(_message.Message):
    __slots__ = ("image", "depth", "timing")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    image: Image
    depth: Depth
    timing: Timing
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., depth: _Optional[_Union[Depth, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class EmbedRequest(_message.Message):
    __slots__ = ("image",)
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    image: Image
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ...) -> None: ...

class EmbedReply(_message.Message):
    __slots__ = ("vector", "timing")
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    vector: Vector
    timing: Timing
    def __init__(self, vector: _Optional[_Union[Vector, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class RecogniseRequest(_message.Message):
    __slots__ = ("image", "depth")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    image: Image
    depth: Depth
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., depth: _Optional[_Union[Depth, _Mapping]] = ...) -> None: ...

class RecogniseReply(_message.Message):
    __slots__ = ("vector", "timing")
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    vector: Vector
    timing: Timing
    def __init__(self, vector: _Optional[_Union[Vector, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class DecideRequest(_message.Message):
    __slots__ = ("payment", "face", "shape")
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    FACE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    payment: Payment
    face: Vector
    shape: Vector
    def __init__(self, payment: _Optional[_Union[Payment, _Mapping]] = ..., face: _Optional[_Union[Vector, _Mapping]] = ..., shape: _Optional[_Union[Vector, _Mapping]] = ...) -> None: ...

class DecideReply(_message.Message):
    __slots__ = ("decision", "timing")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    decision: Decision
    timing: Timing
    def __init__(self, decision: _Optional[_Union[Decision, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class BookRequest(_message.Message):
    __slots__ = ("payment", "decision")
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    payment: Payment
    decision: Decision
    def __init__(self, payment: _Optional[_Union[Payment, _Mapping]] = ..., decision: _Optional[_Union[Decision, _Mapping]] = ...) -> None: ...

class BookReply(_message.Message):
    __slots__ = ("receipt", "timing")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    receipt: Receipt
    timing: Timing
    def __init__(self, receipt: _Optional[_Union[Receipt, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class SealRequest(_message.Message):
    __slots__ = ("receipt",)
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    receipt: Receipt
    def __init__(self, receipt: _Optional[_Union[Receipt, _Mapping]] = ...) -> None: ...

class SealReply(_message.Message):
    __slots__ = ("sealed", "receipt", "timing")
    SEALED_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    sealed: Sealed
    receipt: Receipt
    timing: Timing
    def __init__(self, sealed: _Optional[_Union[Sealed, _Mapping]] = ..., receipt: _Optional[_Union[Receipt, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class GenuinePayload(_message.Message):
    __slots__ = ("message", "user")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    message: Sealed
    user: User
    def __init__(self, message: _Optional[_Union[Sealed, _Mapping]] = ..., user: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class ImpostorPayload(_message.Message):
    __slots__ = ("message", "user")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    message: Sealed
    user: User
    def __init__(self, message: _Optional[_Union[Sealed, _Mapping]] = ..., user: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class PrintedPayload(_message.Message):
    __slots__ = ("message", "user")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    message: Sealed
    user: User
    def __init__(self, message: _Optional[_Union[Sealed, _Mapping]] = ..., user: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class ReplayPayload(_message.Message):
    __slots__ = ("message", "user")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    message: Sealed
    user: User
    def __init__(self, message: _Optional[_Union[Sealed, _Mapping]] = ..., user: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class DoublePayload(_message.Message):
    __slots__ = ("message", "user")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    message: Sealed
    user: User
    def __init__(self, message: _Optional[_Union[Sealed, _Mapping]] = ..., user: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class ScenarioRequest(_message.Message):
    __slots__ = ("request_id", "request_class", "genuine", "impostor", "printed", "replay", "double")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_CLASS_FIELD_NUMBER: _ClassVar[int]
    GENUINE_FIELD_NUMBER: _ClassVar[int]
    IMPOSTOR_FIELD_NUMBER: _ClassVar[int]
    PRINTED_FIELD_NUMBER: _ClassVar[int]
    REPLAY_FIELD_NUMBER: _ClassVar[int]
    DOUBLE_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    request_class: str
    genuine: GenuinePayload
    impostor: ImpostorPayload
    printed: PrintedPayload
    replay: ReplayPayload
    double: DoublePayload
    def __init__(self, request_id: _Optional[int] = ..., request_class: _Optional[str] = ..., genuine: _Optional[_Union[GenuinePayload, _Mapping]] = ..., impostor: _Optional[_Union[ImpostorPayload, _Mapping]] = ..., printed: _Optional[_Union[PrintedPayload, _Mapping]] = ..., replay: _Optional[_Union[ReplayPayload, _Mapping]] = ..., double: _Optional[_Union[DoublePayload, _Mapping]] = ...) -> None: ...

class ScenarioReply(_message.Message):
    __slots__ = ("sealed", "receipt", "planner_ns", "planner_queue_ns", "arms")
    SEALED_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    PLANNER_NS_FIELD_NUMBER: _ClassVar[int]
    PLANNER_QUEUE_NS_FIELD_NUMBER: _ClassVar[int]
    ARMS_FIELD_NUMBER: _ClassVar[int]
    sealed: Sealed
    receipt: Receipt
    planner_ns: int
    planner_queue_ns: int
    arms: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, sealed: _Optional[_Union[Sealed, _Mapping]] = ..., receipt: _Optional[_Union[Receipt, _Mapping]] = ..., planner_ns: _Optional[int] = ..., planner_queue_ns: _Optional[int] = ..., arms: _Optional[_Iterable[str]] = ...) -> None: ...
