"""COMPONENTS and DATASETS: everything a spec may name. Imports specs only, never torch, grpc or a service."""

import importlib
from collections.abc import Iterable
from types import ModuleType

from aibenchrt.component import ComponentSpec, DatasetSpec
from aibenchrt.components.ab_assignment.spec import SPEC as AB_ASSIGNMENT
from aibenchrt.components.ad_selection.spec import SPEC as AD_SELECTION
from aibenchrt.components.basic_statistics.spec import SPEC as BASIC_STATISTICS
from aibenchrt.components.cache_lookup.spec import SPEC as CACHE_LOOKUP
from aibenchrt.components.cache_store.spec import SPEC as CACHE_STORE
from aibenchrt.components.compose.spec import SPEC as COMPOSE
from aibenchrt.components.content_filter.spec import SPEC as CONTENT_FILTER
from aibenchrt.components.crawler.spec import SPEC as CRAWLER
from aibenchrt.components.database_operation.spec import SPEC as DATABASE_OPERATION
from aibenchrt.components.encryption.spec import SPEC as ENCRYPTION
from aibenchrt.components.event_log.spec import SPEC as EVENT_LOG
from aibenchrt.components.face_decision.spec import SPEC as FACE_DECISION
from aibenchrt.components.face_embedding.spec import SPEC as FACE_EMBEDDING
from aibenchrt.components.face_recognition_3d.spec import SPEC as FACE_RECOGNITION_3D
from aibenchrt.components.filter.spec import SPEC as FILTER
from aibenchrt.components.fraud_check.spec import SPEC as FRAUD_CHECK
from aibenchrt.components.hash.spec import SPEC as HASH
from aibenchrt.components.health_check.spec import SPEC as HEALTH_CHECK
from aibenchrt.components.image_classification.spec import SPEC as IMAGE_CLASSIFICATION
from aibenchrt.components.image_compression.spec import SPEC as IMAGE_COMPRESSION
from aibenchrt.components.image_embedding.spec import SPEC as IMAGE_EMBEDDING
from aibenchrt.components.image_filter.spec import SPEC as IMAGE_FILTER
from aibenchrt.components.image_generation.spec import SPEC as IMAGE_GENERATION
from aibenchrt.components.image_lookup.spec import SPEC as IMAGE_LOOKUP
from aibenchrt.components.image_memory.spec import SPEC as IMAGE_MEMORY
from aibenchrt.components.image_to_image.spec import SPEC as IMAGE_TO_IMAGE
from aibenchrt.components.image_to_text.spec import SPEC as IMAGE_TO_TEXT
from aibenchrt.components.indexing.spec import SPEC as INDEXING
from aibenchrt.components.language_detection.spec import SPEC as LANGUAGE_DETECTION
from aibenchrt.components.laundering_check.spec import SPEC as LAUNDERING_CHECK
from aibenchrt.components.learning_to_rank.spec import SPEC as LEARNING_TO_RANK
from aibenchrt.components.ledger.spec import SPEC as LEDGER
from aibenchrt.components.logging.spec import SPEC as LOGGING
from aibenchrt.components.message_code.spec import SPEC as MESSAGE_CODE
from aibenchrt.components.monitoring.spec import SPEC as MONITORING
from aibenchrt.components.nonce_store.spec import SPEC as NONCE_STORE
from aibenchrt.components.notification.spec import SPEC as NOTIFICATION
from aibenchrt.components.object_detection.spec import SPEC as OBJECT_DETECTION
from aibenchrt.components.object_reconstruction_3d.spec import SPEC as OBJECT_RECONSTRUCTION_3D
from aibenchrt.components.packet_loss.spec import SPEC as PACKET_LOSS
from aibenchrt.components.query_parsing.spec import SPEC as QUERY_PARSING
from aibenchrt.components.query_rewrite.spec import SPEC as QUERY_REWRITE
from aibenchrt.components.query_suggestion.spec import SPEC as QUERY_SUGGESTION
from aibenchrt.components.recommendation.spec import SPEC as RECOMMENDATION
from aibenchrt.components.rendering.spec import SPEC as RENDERING
from aibenchrt.components.sort.spec import SPEC as SORT
from aibenchrt.components.spatial_transformer.spec import SPEC as SPATIAL_TRANSFORMER
from aibenchrt.components.speech_recognition.spec import SPEC as SPEECH_RECOGNITION
from aibenchrt.components.spelling_correction.spec import SPEC as SPELLING_CORRECTION
from aibenchrt.components.text_classification.spec import SPEC as TEXT_CLASSIFICATION
from aibenchrt.components.text_normalization.spec import SPEC as TEXT_NORMALIZATION
from aibenchrt.components.text_recognition.spec import SPEC as TEXT_RECOGNITION
from aibenchrt.components.text_summarization.spec import SPEC as TEXT_SUMMARIZATION
from aibenchrt.components.text_translation.spec import SPEC as TEXT_TRANSLATION
from aibenchrt.components.tracing.spec import SPEC as TRACING
from aibenchrt.components.translation_memory.spec import SPEC as TRANSLATION_MEMORY
from aibenchrt.components.vector_index.spec import SPEC as VECTOR_INDEX
from aibenchrt.components.video_capture.spec import SPEC as VIDEO_CAPTURE
from aibenchrt.components.video_codec.spec import SPEC as VIDEO_CODEC
from aibenchrt.components.video_prediction.spec import SPEC as VIDEO_PREDICTION
from aibenchrt.datasets.specs import DATASETS, shared_worlds
from aibenchrt.registry import Registry

__all__ = ["COMPONENTS", "DATASETS", "component", "component_module", "dataset", "worlds_of"]

COMPONENTS: Registry[ComponentSpec] = Registry(
    (
        QUERY_PARSING,
        SPELLING_CORRECTION,
        TEXT_CLASSIFICATION,
        IMAGE_CLASSIFICATION,
        IMAGE_EMBEDDING,
        IMAGE_TO_TEXT,
        IMAGE_TO_IMAGE,
        IMAGE_GENERATION,
        INDEXING,
        RECOMMENDATION,
        LEARNING_TO_RANK,
        DATABASE_OPERATION,
        CACHE_LOOKUP,
        CACHE_STORE,
        EVENT_LOG,
        FILTER,
        SORT,
        HASH,
        CRAWLER,
        SPATIAL_TRANSFORMER,
        SPEECH_RECOGNITION,
        TEXT_RECOGNITION,
        OBJECT_DETECTION,
        IMAGE_COMPRESSION,
        VIDEO_PREDICTION,
        FACE_EMBEDDING,
        FACE_RECOGNITION_3D,
        OBJECT_RECONSTRUCTION_3D,
        RENDERING,
        TEXT_SUMMARIZATION,
        TEXT_TRANSLATION,
        TEXT_NORMALIZATION,
        QUERY_REWRITE,
        QUERY_SUGGESTION,
        AD_SELECTION,
        FRAUD_CHECK,
        BASIC_STATISTICS,
        TRANSLATION_MEMORY,
        LANGUAGE_DETECTION,
        CONTENT_FILTER,
        VECTOR_INDEX,
        IMAGE_MEMORY,
        IMAGE_LOOKUP,
        IMAGE_FILTER,
        LAUNDERING_CHECK,
        NOTIFICATION,
        MESSAGE_CODE,
        AB_ASSIGNMENT,
        ENCRYPTION,
        NONCE_STORE,
        FACE_DECISION,
        LEDGER,
        VIDEO_CAPTURE,
        COMPOSE,
        VIDEO_CODEC,
        PACKET_LOSS,
        LOGGING,
        MONITORING,
        TRACING,
        HEALTH_CHECK,
    )
)

MOST_REQUESTS = 1_000_000  # of one load: the whole schedule is drawn and held in memory before anything is sent


def component_module(name: str, part: str) -> ModuleType:
    """A module of a component's package: its 'service', 'serve' or 'train'. KeyError: no such component; ImportError as the module."""
    return importlib.import_module(f"{COMPONENTS[name].package}.{part}")


def component(name: str) -> ComponentSpec | None:
    return COMPONENTS.get(name)


def dataset(name: str) -> DatasetSpec | None:
    return DATASETS.get(name)


def worlds_of(names: Iterable[str]) -> tuple[str, ...]:
    """The worlds that all these data sets can belong to, in the order of the first data set's; an unknown name counts as a world of its
    own."""
    return shared_worlds(names, DATASETS)
