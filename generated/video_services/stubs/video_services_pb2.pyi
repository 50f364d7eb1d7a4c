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

class Frames(_message.Message):
    __slots__ = ("png", "lost")
    PNG_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    png: _containers.RepeatedScalarFieldContainer[bytes]
    lost: _containers.RepeatedScalarFieldContainer[bool]
    def __init__(self, png: _Optional[_Iterable[bytes]] = ..., lost: _Optional[_Iterable[bool]] = ...) -> None: ...

class Code(_message.Message):
    __slots__ = ("content", "width", "height")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    content: bytes
    width: int
    height: int
    def __init__(self, content: _Optional[bytes] = ..., width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

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

class DecodeRequest(_message.Message):
    __slots__ = ("packet", "moment")
    PACKET_FIELD_NUMBER: _ClassVar[int]
    MOMENT_FIELD_NUMBER: _ClassVar[int]
    packet: Packet
    moment: Moment
    def __init__(self, packet: _Optional[_Union[Packet, _Mapping]] = ..., moment: _Optional[_Union[Moment, _Mapping]] = ...) -> None: ...

class DecodeReply(_message.Message):
    __slots__ = ("frames", "timing")
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    frames: Frames
    timing: Timing
    def __init__(self, frames: _Optional[_Union[Frames, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class CompressRequest(_message.Message):
    __slots__ = ("frames",)
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    frames: Frames
    def __init__(self, frames: _Optional[_Union[Frames, _Mapping]] = ...) -> None: ...

class CompressReply(_message.Message):
    __slots__ = ("code", "timing")
    CODE_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    code: Code
    timing: Timing
    def __init__(self, code: _Optional[_Union[Code, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class ExpandRequest(_message.Message):
    __slots__ = ("code",)
    CODE_FIELD_NUMBER: _ClassVar[int]
    code: Code
    def __init__(self, code: _Optional[_Union[Code, _Mapping]] = ...) -> None: ...

class ExpandReply(_message.Message):
    __slots__ = ("image", "timing")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    image: Image
    timing: Timing
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class LineRequest(_message.Message):
    __slots__ = ("frames", "image", "moment")
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    MOMENT_FIELD_NUMBER: _ClassVar[int]
    frames: Frames
    image: Image
    moment: Moment
    def __init__(self, frames: _Optional[_Union[Frames, _Mapping]] = ..., image: _Optional[_Union[Image, _Mapping]] = ..., moment: _Optional[_Union[Moment, _Mapping]] = ...) -> None: ...

class LineReply(_message.Message):
    __slots__ = ("frames", "timing")
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    frames: Frames
    timing: Timing
    def __init__(self, frames: _Optional[_Union[Frames, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class ConcealRequest(_message.Message):
    __slots__ = ("frames",)
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    frames: Frames
    def __init__(self, frames: _Optional[_Union[Frames, _Mapping]] = ...) -> None: ...

class ConcealReply(_message.Message):
    __slots__ = ("frames", "timing")
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    frames: Frames
    timing: Timing
    def __init__(self, frames: _Optional[_Union[Frames, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class GroupPayload(_message.Message):
    __slots__ = ("packet", "shot", "moment", "user")
    PACKET_FIELD_NUMBER: _ClassVar[int]
    SHOT_FIELD_NUMBER: _ClassVar[int]
    MOMENT_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    packet: Packet
    shot: Shot
    moment: Moment
    user: User
    def __init__(self, packet: _Optional[_Union[Packet, _Mapping]] = ..., shot: _Optional[_Union[Shot, _Mapping]] = ..., moment: _Optional[_Union[Moment, _Mapping]] = ..., user: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class ScenarioRequest(_message.Message):
    __slots__ = ("request_id", "request_class", "group")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_CLASS_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    request_class: str
    group: GroupPayload
    def __init__(self, request_id: _Optional[int] = ..., request_class: _Optional[str] = ..., group: _Optional[_Union[GroupPayload, _Mapping]] = ...) -> None: ...

class ScenarioReply(_message.Message):
    __slots__ = ("frames", "code", "planner_ns", "planner_queue_ns", "arms")
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    PLANNER_NS_FIELD_NUMBER: _ClassVar[int]
    PLANNER_QUEUE_NS_FIELD_NUMBER: _ClassVar[int]
    ARMS_FIELD_NUMBER: _ClassVar[int]
    frames: Frames
    code: Code
    planner_ns: int
    planner_queue_ns: int
    arms: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, frames: _Optional[_Union[Frames, _Mapping]] = ..., code: _Optional[_Union[Code, _Mapping]] = ..., planner_ns: _Optional[int] = ..., planner_queue_ns: _Optional[int] = ..., arms: _Optional[_Iterable[str]] = ...) -> None: ...
