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

class Profile(_message.Message):
    __slots__ = ("user_id", "age", "gender", "occupation", "history")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    AGE_FIELD_NUMBER: _ClassVar[int]
    GENDER_FIELD_NUMBER: _ClassVar[int]
    OCCUPATION_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    user_id: int
    age: int
    gender: str
    occupation: str
    history: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, user_id: _Optional[int] = ..., age: _Optional[int] = ..., gender: _Optional[str] = ..., occupation: _Optional[str] = ..., history: _Optional[_Iterable[int]] = ...) -> None: ...

class Weights(_message.Message):
    __slots__ = ("weight",)
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    weight: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, weight: _Optional[_Iterable[float]] = ...) -> None: ...

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

class Count(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: int
    def __init__(self, value: _Optional[int] = ...) -> None: ...

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

class Documents(_message.Message):
    __slots__ = ("item_id", "url", "title", "text")
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    item_id: _containers.RepeatedScalarFieldContainer[int]
    url: _containers.RepeatedScalarFieldContainer[str]
    title: _containers.RepeatedScalarFieldContainer[str]
    text: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, item_id: _Optional[_Iterable[int]] = ..., url: _Optional[_Iterable[str]] = ..., title: _Optional[_Iterable[str]] = ..., text: _Optional[_Iterable[str]] = ...) -> None: ...

class Snippets(_message.Message):
    __slots__ = ("item_id", "title", "text")
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    item_id: _containers.RepeatedScalarFieldContainer[int]
    title: _containers.RepeatedScalarFieldContainer[str]
    text: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, item_id: _Optional[_Iterable[int]] = ..., title: _Optional[_Iterable[str]] = ..., text: _Optional[_Iterable[str]] = ...) -> None: ...

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

class ParseSpellRequest(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: Text
    def __init__(self, text: _Optional[_Union[Text, _Mapping]] = ...) -> None: ...

class ParseSpellReply(_message.Message):
    __slots__ = ("query", "timing")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    query: Query
    timing: Timing
    def __init__(self, query: _Optional[_Union[Query, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class BodyRequest(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: Query
    def __init__(self, query: _Optional[_Union[Query, _Mapping]] = ...) -> None: ...

class BodyReply(_message.Message):
    __slots__ = ("items", "hits", "timing")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    items: Items
    hits: Count
    timing: Timing
    def __init__(self, items: _Optional[_Union[Items, _Mapping]] = ..., hits: _Optional[_Union[Count, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class HeadRequest(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: Query
    def __init__(self, query: _Optional[_Union[Query, _Mapping]] = ...) -> None: ...

class HeadReply(_message.Message):
    __slots__ = ("items", "hits", "timing")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    items: Items
    hits: Count
    timing: Timing
    def __init__(self, items: _Optional[_Union[Items, _Mapping]] = ..., hits: _Optional[_Union[Count, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class ProfileRequest(_message.Message):
    __slots__ = ("user",)
    USER_FIELD_NUMBER: _ClassVar[int]
    user: User
    def __init__(self, user: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class ProfileReply(_message.Message):
    __slots__ = ("profile", "timing")
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    profile: Profile
    timing: Timing
    def __init__(self, profile: _Optional[_Union[Profile, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class TailRequest(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: Query
    def __init__(self, query: _Optional[_Union[Query, _Mapping]] = ...) -> None: ...

class TailReply(_message.Message):
    __slots__ = ("items", "hits", "timing")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    items: Items
    hits: Count
    timing: Timing
    def __init__(self, items: _Optional[_Union[Items, _Mapping]] = ..., hits: _Optional[_Union[Count, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class MergeRequest(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Items]
    def __init__(self, items: _Optional[_Iterable[_Union[Items, _Mapping]]] = ...) -> None: ...

class MergeReply(_message.Message):
    __slots__ = ("items", "timing")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    items: Items
    timing: Timing
    def __init__(self, items: _Optional[_Union[Items, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class RecommendRequest(_message.Message):
    __slots__ = ("items", "profile")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    items: Items
    profile: Profile
    def __init__(self, items: _Optional[_Union[Items, _Mapping]] = ..., profile: _Optional[_Union[Profile, _Mapping]] = ...) -> None: ...

class RecommendReply(_message.Message):
    __slots__ = ("items", "timing")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    items: Items
    timing: Timing
    def __init__(self, items: _Optional[_Union[Items, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class WeightsRequest(_message.Message):
    __slots__ = ("profile",)
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    profile: Profile
    def __init__(self, profile: _Optional[_Union[Profile, _Mapping]] = ...) -> None: ...

class WeightsReply(_message.Message):
    __slots__ = ("weights", "timing")
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    weights: Weights
    timing: Timing
    def __init__(self, weights: _Optional[_Union[Weights, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class RankRequest(_message.Message):
    __slots__ = ("items", "profile", "weights", "category")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    items: Items
    profile: Profile
    weights: Weights
    category: Category
    def __init__(self, items: _Optional[_Union[Items, _Mapping]] = ..., profile: _Optional[_Union[Profile, _Mapping]] = ..., weights: _Optional[_Union[Weights, _Mapping]] = ..., category: _Optional[_Union[Category, _Mapping]] = ...) -> None: ...

class RankReply(_message.Message):
    __slots__ = ("items", "timing")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    items: Items
    timing: Timing
    def __init__(self, items: _Optional[_Union[Items, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class FetchRequest(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: Items
    def __init__(self, items: _Optional[_Union[Items, _Mapping]] = ...) -> None: ...

class FetchReply(_message.Message):
    __slots__ = ("documents", "timing")
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    documents: Documents
    timing: Timing
    def __init__(self, documents: _Optional[_Union[Documents, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class ShownRequest(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: Items
    def __init__(self, items: _Optional[_Union[Items, _Mapping]] = ...) -> None: ...

class ShownReply(_message.Message):
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

class UniqueRequest(_message.Message):
    __slots__ = ("documents",)
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    documents: Documents
    def __init__(self, documents: _Optional[_Union[Documents, _Mapping]] = ...) -> None: ...

class UniqueReply(_message.Message):
    __slots__ = ("documents", "timing")
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    documents: Documents
    timing: Timing
    def __init__(self, documents: _Optional[_Union[Documents, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class SnippetsRequest(_message.Message):
    __slots__ = ("documents",)
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    documents: Documents
    def __init__(self, documents: _Optional[_Union[Documents, _Mapping]] = ...) -> None: ...

class SnippetsReply(_message.Message):
    __slots__ = ("snippets", "timing")
    SNIPPETS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    snippets: Snippets
    timing: Timing
    def __init__(self, snippets: _Optional[_Union[Snippets, _Mapping]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class TextPayload(_message.Message):
    __slots__ = ("text", "user")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    text: Text
    user: User
    def __init__(self, text: _Optional[_Union[Text, _Mapping]] = ..., user: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class ScenarioRequest(_message.Message):
    __slots__ = ("request_id", "request_class", "text")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_CLASS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    request_class: str
    text: TextPayload
    def __init__(self, request_id: _Optional[int] = ..., request_class: _Optional[str] = ..., text: _Optional[_Union[TextPayload, _Mapping]] = ...) -> None: ...

class ScenarioReply(_message.Message):
    __slots__ = ("snippets", "planner_ns", "planner_queue_ns", "arms")
    SNIPPETS_FIELD_NUMBER: _ClassVar[int]
    PLANNER_NS_FIELD_NUMBER: _ClassVar[int]
    PLANNER_QUEUE_NS_FIELD_NUMBER: _ClassVar[int]
    ARMS_FIELD_NUMBER: _ClassVar[int]
    snippets: Snippets
    planner_ns: int
    planner_queue_ns: int
    arms: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, snippets: _Optional[_Union[Snippets, _Mapping]] = ..., planner_ns: _Optional[int] = ..., planner_queue_ns: _Optional[int] = ..., arms: _Optional[_Iterable[str]] = ...) -> None: ...
