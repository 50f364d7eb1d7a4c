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

class Wish(_message.Message):
    __slots__ = ("label", "seed")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    label: int
    seed: int
    def __init__(self, label: _Optional[int] = ..., seed: _Optional[int] = ...) -> None: ...

class Solid(_message.Message):
    __slots__ = ("content", "side")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    content: bytes
    side: int
    def __init__(self, content: _Optional[bytes] = ..., side: _Optional[int] = ...) -> None: ...

class Camera(_message.Message):
    __slots__ = ("azimuth", "elevation", "distance")
    AZIMUTH_FIELD_NUMBER: _ClassVar[int]
    ELEVATION_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_FIELD_NUMBER: _ClassVar[int]
    azimuth: float
    elevation: float
    distance: float
    def __init__(self, azimuth: _Optional[float] = ..., elevation: _Optional[float] = ..., distance: _Optional[float] = ...) -> None: ...

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

class ReconstructRequest(_message.Message):
    __slots__ = ("image",)
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    image: Image
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ...) -> None: ...

class ReconstructReply(_message.Message):
    __slots__ = ("solid", "timing")
    SOLID_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    solid: Solid
    timing: Timing
    def __init__(self, solid: _Optional[_Union[Solid, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class TextureRequest(_message.Message):
    __slots__ = ("wish",)
    WISH_FIELD_NUMBER: _ClassVar[int]
    wish: Wish
    def __init__(self, wish: _Optional[_Union[Wish, _Mapping]] = ...) -> None: ...

class TextureReply(_message.Message):
    __slots__ = ("image", "timing")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    image: Image
    timing: Timing
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class DrawRequest(_message.Message):
    __slots__ = ("solid", "texture", "camera")
    SOLID_FIELD_NUMBER: _ClassVar[int]
    TEXTURE_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    solid: Solid
    texture: Image
    camera: Camera
    def __init__(self, solid: _Optional[_Union[Solid, _Mapping]] = ..., texture: _Optional[_Union[Image, _Mapping]] = ..., camera: _Optional[_Union[Camera, _Mapping]] = ...) -> None: ...

class DrawReply(_message.Message):
    __slots__ = ("image", "timing")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    image: Image
    timing: Timing
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class RestyleRequest(_message.Message):
    __slots__ = ("image",)
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    image: Image
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ...) -> None: ...

class RestyleReply(_message.Message):
    __slots__ = ("image", "timing")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    image: Image
    timing: Timing
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class FramePayload(_message.Message):
    __slots__ = ("image", "camera", "wish", "moment", "user")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    WISH_FIELD_NUMBER: _ClassVar[int]
    MOMENT_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    image: Image
    camera: Camera
    wish: Wish
    moment: Moment
    user: User
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., camera: _Optional[_Union[Camera, _Mapping]] = ..., wish: _Optional[_Union[Wish, _Mapping]] = ..., moment: _Optional[_Union[Moment, _Mapping]] = ..., user: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class ScenarioRequest(_message.Message):
    __slots__ = ("request_id", "request_class", "frame")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_CLASS_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    request_class: str
    frame: FramePayload
    def __init__(self, request_id: _Optional[int] = ..., request_class: _Optional[str] = ..., frame: _Optional[_Union[FramePayload, _Mapping]] = ...) -> None: ...

class ScenarioReply(_message.Message):
    __slots__ = ("image", "solid", "planner_ns", "planner_queue_ns", "arms")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    SOLID_FIELD_NUMBER: _ClassVar[int]
    PLANNER_NS_FIELD_NUMBER: _ClassVar[int]
    PLANNER_QUEUE_NS_FIELD_NUMBER: _ClassVar[int]
    ARMS_FIELD_NUMBER: _ClassVar[int]
    image: Image
    solid: Solid
    planner_ns: int
    planner_queue_ns: int
    arms: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., solid: _Optional[_Union[Solid, _Mapping]] = ..., planner_ns: _Optional[int] = ..., planner_queue_ns: _Optional[int] = ..., arms: _Optional[_Iterable[str]] = ...) -> None: ...
