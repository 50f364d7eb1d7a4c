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

class Count(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: int
    def __init__(self, value: _Optional[int] = ...) -> None: ...

class Moment(_message.Message):
    __slots__ = ("stream", "number")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    stream: int
    number: int
    def __init__(self, stream: _Optional[int] = ..., number: _Optional[int] = ...) -> None: ...

class Shot(_message.Message):
    __slots__ = ("clip", "frame")
    CLIP_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    clip: int
    frame: int
    def __init__(self, clip: _Optional[int] = ..., frame: _Optional[int] = ...) -> None: ...

class Packet(_message.Message):
    __slots__ = ("content", "key", "number")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    content: bytes
    key: bool
    number: int
    def __init__(self, content: _Optional[bytes] = ..., key: _Optional[bool] = ..., number: _Optional[int] = ...) -> None: ...

class Wish(_message.Message):
    __slots__ = ("label", "seed")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    label: int
    seed: int
    def __init__(self, label: _Optional[int] = ..., seed: _Optional[int] = ...) -> None: ...

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

class CaptureRequest(_message.Message):
    __slots__ = ("shot", "moment")
    SHOT_FIELD_NUMBER: _ClassVar[int]
    MOMENT_FIELD_NUMBER: _ClassVar[int]
    shot: Shot
    moment: Moment
    def __init__(self, shot: _Optional[_Union[Shot, _Mapping]] = ..., moment: _Optional[_Union[Moment, _Mapping]] = ...) -> None: ...

class CaptureReply(_message.Message):
    __slots__ = ("image", "dropped", "timing")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    image: Image
    dropped: Count
    timing: Timing
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., dropped: _Optional[_Union[Count, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class DrawRequest(_message.Message):
    __slots__ = ("wish",)
    WISH_FIELD_NUMBER: _ClassVar[int]
    wish: Wish
    def __init__(self, wish: _Optional[_Union[Wish, _Mapping]] = ...) -> None: ...

class DrawReply(_message.Message):
    __slots__ = ("image", "timing")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    image: Image
    timing: Timing
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class RestoreRequest(_message.Message):
    __slots__ = ("image",)
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    image: Image
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ...) -> None: ...

class RestoreReply(_message.Message):
    __slots__ = ("image", "timing")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    image: Image
    timing: Timing
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class ComposeRequest(_message.Message):
    __slots__ = ("image", "overlay")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    OVERLAY_FIELD_NUMBER: _ClassVar[int]
    image: Image
    overlay: Image
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., overlay: _Optional[_Union[Image, _Mapping]] = ...) -> None: ...

class ComposeReply(_message.Message):
    __slots__ = ("image", "timing")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    image: Image
    timing: Timing
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class EncodeRequest(_message.Message):
    __slots__ = ("image", "moment")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    MOMENT_FIELD_NUMBER: _ClassVar[int]
    image: Image
    moment: Moment
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., moment: _Optional[_Union[Moment, _Mapping]] = ...) -> None: ...

class EncodeReply(_message.Message):
    __slots__ = ("packet", "timing")
    PACKET_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    packet: Packet
    timing: Timing
    def __init__(self, packet: _Optional[_Union[Packet, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class FramePayload(_message.Message):
    __slots__ = ("shot", "moment")
    SHOT_FIELD_NUMBER: _ClassVar[int]
    MOMENT_FIELD_NUMBER: _ClassVar[int]
    shot: Shot
    moment: Moment
    def __init__(self, shot: _Optional[_Union[Shot, _Mapping]] = ..., moment: _Optional[_Union[Moment, _Mapping]] = ...) -> None: ...

class GiftPayload(_message.Message):
    __slots__ = ("shot", "moment", "wish", "user")
    SHOT_FIELD_NUMBER: _ClassVar[int]
    MOMENT_FIELD_NUMBER: _ClassVar[int]
    WISH_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    shot: Shot
    moment: Moment
    wish: Wish
    user: User
    def __init__(self, shot: _Optional[_Union[Shot, _Mapping]] = ..., moment: _Optional[_Union[Moment, _Mapping]] = ..., wish: _Optional[_Union[Wish, _Mapping]] = ..., user: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class ScenarioRequest(_message.Message):
    __slots__ = ("request_id", "request_class", "frame", "gift")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_CLASS_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    GIFT_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    request_class: str
    frame: FramePayload
    gift: GiftPayload
    def __init__(self, request_id: _Optional[int] = ..., request_class: _Optional[str] = ..., frame: _Optional[_Union[FramePayload, _Mapping]] = ..., gift: _Optional[_Union[GiftPayload, _Mapping]] = ...) -> None: ...

class ScenarioReply(_message.Message):
    __slots__ = ("packet", "planner_ns", "planner_queue_ns", "arms")
    PACKET_FIELD_NUMBER: _ClassVar[int]
    PLANNER_NS_FIELD_NUMBER: _ClassVar[int]
    PLANNER_QUEUE_NS_FIELD_NUMBER: _ClassVar[int]
    ARMS_FIELD_NUMBER: _ClassVar[int]
    packet: Packet
    planner_ns: int
    planner_queue_ns: int
    arms: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, packet: _Optional[_Union[Packet, _Mapping]] = ..., planner_ns: _Optional[int] = ..., planner_queue_ns: _Optional[int] = ..., arms: _Optional[_Iterable[str]] = ...) -> None: ...
