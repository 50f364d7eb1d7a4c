from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Text(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

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

class Query(_message.Message):
    __slots__ = ("text", "term")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TERM_FIELD_NUMBER: _ClassVar[int]
    text: str
    term: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, text: _Optional[str] = ..., term: _Optional[_Iterable[str]] = ...) -> None: ...

class Category(_message.Message):
    __slots__ = ("label", "probability")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    label: _containers.RepeatedScalarFieldContainer[int]
    probability: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, label: _Optional[_Iterable[int]] = ..., probability: _Optional[_Iterable[float]] = ...) -> None: ...

class Items(_message.Message):
    __slots__ = ("item_id", "category", "popularity", "search_score", "recommend_score", "rank_score")
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    POPULARITY_FIELD_NUMBER: _ClassVar[int]
    SEARCH_SCORE_FIELD_NUMBER: _ClassVar[int]
    RECOMMEND_SCORE_FIELD_NUMBER: _ClassVar[int]
    RANK_SCORE_FIELD_NUMBER: _ClassVar[int]
    item_id: _containers.RepeatedScalarFieldContainer[int]
    category: _containers.RepeatedScalarFieldContainer[int]
    popularity: _containers.RepeatedScalarFieldContainer[float]
    search_score: _containers.RepeatedScalarFieldContainer[float]
    recommend_score: _containers.RepeatedScalarFieldContainer[float]
    rank_score: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, item_id: _Optional[_Iterable[int]] = ..., category: _Optional[_Iterable[int]] = ..., popularity: _Optional[_Iterable[float]] = ..., search_score: _Optional[_Iterable[float]] = ..., recommend_score: _Optional[_Iterable[float]] = ..., rank_score: _Optional[_Iterable[float]] = ...) -> None: ...

class Details(_message.Message):
    __slots__ = ("item_id", "title", "category", "price")
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    item_id: _containers.RepeatedScalarFieldContainer[int]
    title: _containers.RepeatedScalarFieldContainer[str]
    category: _containers.RepeatedScalarFieldContainer[int]
    price: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, item_id: _Optional[_Iterable[int]] = ..., title: _Optional[_Iterable[str]] = ..., category: _Optional[_Iterable[int]] = ..., price: _Optional[_Iterable[float]] = ...) -> None: ...

class Boxes(_message.Message):
    __slots__ = ("left", "top", "right", "bottom", "label", "score")
    LEFT_FIELD_NUMBER: _ClassVar[int]
    TOP_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    BOTTOM_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    left: _containers.RepeatedScalarFieldContainer[float]
    top: _containers.RepeatedScalarFieldContainer[float]
    right: _containers.RepeatedScalarFieldContainer[float]
    bottom: _containers.RepeatedScalarFieldContainer[float]
    label: _containers.RepeatedScalarFieldContainer[int]
    score: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, left: _Optional[_Iterable[float]] = ..., top: _Optional[_Iterable[float]] = ..., right: _Optional[_Iterable[float]] = ..., bottom: _Optional[_Iterable[float]] = ..., label: _Optional[_Iterable[int]] = ..., score: _Optional[_Iterable[float]] = ...) -> None: ...

class Turn(_message.Message):
    __slots__ = ("degrees",)
    DEGREES_FIELD_NUMBER: _ClassVar[int]
    degrees: float
    def __init__(self, degrees: _Optional[float] = ...) -> None: ...

class Vector(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, value: _Optional[_Iterable[float]] = ...) -> None: ...

class Caption(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

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

class ParseRequest(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: Text
    def __init__(self, text: _Optional[_Union[Text, _Mapping]] = ...) -> None: ...

class ParseReply(_message.Message):
    __slots__ = ("query", "timing")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    query: Query
    timing: Timing
    def __init__(self, query: _Optional[_Union[Query, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class DetectRequest(_message.Message):
    __slots__ = ("image", "query")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    image: Image
    query: Query
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., query: _Optional[_Union[Query, _Mapping]] = ...) -> None: ...

class DetectReply(_message.Message):
    __slots__ = ("boxes", "thing", "timing")
    BOXES_FIELD_NUMBER: _ClassVar[int]
    THING_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    boxes: Boxes
    thing: Image
    timing: Timing
    def __init__(self, boxes: _Optional[_Union[Boxes, _Mapping]] = ..., thing: _Optional[_Union[Image, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class StraightenRequest(_message.Message):
    __slots__ = ("image",)
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    image: Image
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ...) -> None: ...

class StraightenReply(_message.Message):
    __slots__ = ("image", "turn", "timing")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    TURN_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    image: Image
    turn: Turn
    timing: Timing
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., turn: _Optional[_Union[Turn, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class CaptionRequest(_message.Message):
    __slots__ = ("image",)
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    image: Image
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ...) -> None: ...

class CaptionReply(_message.Message):
    __slots__ = ("caption", "text", "timing")
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    caption: Caption
    text: Text
    timing: Timing
    def __init__(self, caption: _Optional[_Union[Caption, _Mapping]] = ..., text: _Optional[_Union[Text, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class ClassifyRequest(_message.Message):
    __slots__ = ("image",)
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    image: Image
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ...) -> None: ...

class ClassifyReply(_message.Message):
    __slots__ = ("category", "timing")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    category: Category
    timing: Timing
    def __init__(self, category: _Optional[_Union[Category, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class DescribeRequest(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: Text
    def __init__(self, text: _Optional[_Union[Text, _Mapping]] = ...) -> None: ...

class DescribeReply(_message.Message):
    __slots__ = ("query", "timing")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    query: Query
    timing: Timing
    def __init__(self, query: _Optional[_Union[Query, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

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

class ByWordsNearestRequest(_message.Message):
    __slots__ = ("query", "category", "vector")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    query: Query
    category: Category
    vector: Vector
    def __init__(self, query: _Optional[_Union[Query, _Mapping]] = ..., category: _Optional[_Union[Category, _Mapping]] = ..., vector: _Optional[_Union[Vector, _Mapping]] = ...) -> None: ...

class ByWordsNearestReply(_message.Message):
    __slots__ = ("items", "timing")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    items: Items
    timing: Timing
    def __init__(self, items: _Optional[_Union[Items, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class OrderRequest(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Items]
    def __init__(self, items: _Optional[_Iterable[_Union[Items, _Mapping]]] = ...) -> None: ...

class OrderReply(_message.Message):
    __slots__ = ("items", "timing")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    items: Items
    timing: Timing
    def __init__(self, items: _Optional[_Union[Items, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class DetailsRequest(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: Items
    def __init__(self, items: _Optional[_Union[Items, _Mapping]] = ...) -> None: ...

class DetailsReply(_message.Message):
    __slots__ = ("details", "timing")
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    details: Details
    timing: Timing
    def __init__(self, details: _Optional[_Union[Details, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class ClicksRequest(_message.Message):
    __slots__ = ("details", "user")
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    details: Details
    user: User
    def __init__(self, details: _Optional[_Union[Details, _Mapping]] = ..., user: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class ClicksReply(_message.Message):
    __slots__ = ("timing",)
    TIMING_FIELD_NUMBER: _ClassVar[int]
    timing: Timing
    def __init__(self, timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class PhotoPayload(_message.Message):
    __slots__ = ("image", "user")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    image: Image
    user: User
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., user: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class WordsPayload(_message.Message):
    __slots__ = ("image", "text", "user")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    image: Image
    text: Text
    user: User
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., text: _Optional[_Union[Text, _Mapping]] = ..., user: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class ScenarioRequest(_message.Message):
    __slots__ = ("request_id", "request_class", "photo", "words")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_CLASS_FIELD_NUMBER: _ClassVar[int]
    PHOTO_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    request_class: str
    photo: PhotoPayload
    words: WordsPayload
    def __init__(self, request_id: _Optional[int] = ..., request_class: _Optional[str] = ..., photo: _Optional[_Union[PhotoPayload, _Mapping]] = ..., words: _Optional[_Union[WordsPayload, _Mapping]] = ...) -> None: ...

class ScenarioReply(_message.Message):
    __slots__ = ("boxes", "category", "caption", "details", "planner_ns", "planner_queue_ns", "arms")
    BOXES_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    PLANNER_NS_FIELD_NUMBER: _ClassVar[int]
    PLANNER_QUEUE_NS_FIELD_NUMBER: _ClassVar[int]
    ARMS_FIELD_NUMBER: _ClassVar[int]
    boxes: Boxes
    category: Category
    caption: Caption
    details: Details
    planner_ns: int
    planner_queue_ns: int
    arms: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, boxes: _Optional[_Union[Boxes, _Mapping]] = ..., category: _Optional[_Union[Category, _Mapping]] = ..., caption: _Optional[_Union[Caption, _Mapping]] = ..., details: _Optional[_Union[Details, _Mapping]] = ..., planner_ns: _Optional[int] = ..., planner_queue_ns: _Optional[int] = ..., arms: _Optional[_Iterable[str]] = ...) -> None: ...
