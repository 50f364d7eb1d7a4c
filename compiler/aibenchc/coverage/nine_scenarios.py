# ruff: noqa: E501  (a table: one scenario a block)
"""The nine scenarios of AIBench Scenario (arXiv 2005.03459, table 1) as data: what each distilled graph must hold, in the table's own words.

WORDS says what in a spec stands for a word: a component of the library, a data class of its data sets, a metric. A component that is not
in the catalogue yet is named all the same: it is what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """spec: the name of its file below specs/, and of the scenario in it."""

    spec: str
    title: str
    ai: tuple[str, ...]
    non_ai: tuple[str, ...]
    data: tuple[str, ...]
    metrics: tuple[str, ...]
    update: str


NINE: tuple[Published, ...] = (
    Published(
        "ecommerce", "E-commerce search",
        ("classification", "learning to rank", "recommendation"),
        ("query parsing", "database operation", "indexing"),
        ("user", "product", "query"), ("precision", "recall", "latency"), "high",
    ),
    Published(
        "translation", "Online translation",
        ("text-to-text translation", "speech recognition"),
        ("query parsing",),
        ("text", "speech"), ("accuracy", "latency"), "low",
    ),
    Published(
        "image_retrieval", "Content-based image retrieval",
        ("object detection", "classification", "spatial transformer", "image-to-text"),
        ("query parsing", "indexing", "sort"),
        ("image",), ("precision", "recall", "latency"), "high",
    ),
    Published(
        "web_search", "Web searching",
        ("text summarization", "learning to rank", "recommendation"),
        ("query parsing", "indexing", "crawler", "sort", "hash"),
        ("product", "query"), ("precision", "recall", "latency"), "high",
    ),
    Published(
        "face_payment", "Facial authentication and payment",
        ("face embedding", "3D face recognition"),
        ("encryption",),
        ("face image",), ("accuracy", "latency"), "low",
    ),
    Published(
        "news_feed", "News feed",
        ("recommendation",),
        ("database operation", "sort", "basic statistics", "filter"),
        ("text",), ("precision", "recall"), "low",
    ),
    Published(
        "live_streaming", "Live streaming",
        ("image generation", "image-to-image"),
        ("video codec", "video capture"),
        ("image",), ("latency",), "low",
    ),
    Published(
        "video_services", "Video services",
        ("image compression", "video prediction"),
        ("video codec",),
        ("video",), ("accuracy", "latency"), "low",
    ),
    Published(
        "online_gaming", "Online gaming",
        ("3D object reconstruction", "image generation", "image-to-image"),
        ("rendering",),
        ("image",), ("latency",), "low",
    ),
)  # fmt: skip

# Task of the table → components of the library that are that task.
TASKS: dict[str, tuple[str, ...]] = {
    "classification": ("text_classification", "image_classification"),
    "learning to rank": ("learning_to_rank",),
    "recommendation": ("recommendation",),
    "text-to-text translation": ("text_translation",),
    "speech recognition": ("speech_recognition",),
    "text summarization": ("text_summarization",),
    "object detection": ("object_detection",),
    "spatial transformer": ("spatial_transformer",),
    "image-to-text": ("image_to_text",),
    "face embedding": ("face_embedding",),
    "3D face recognition": ("face_recognition_3d",),
    "image generation": ("image_generation",),
    "image-to-image": ("image_to_image",),
    "image compression": ("image_compression",),
    "video prediction": ("video_prediction",),
    "3D object reconstruction": ("object_reconstruction_3d",),
    "query parsing": ("query_parsing",),
    "database operation": ("database_operation",),
    "indexing": ("indexing",),
    "crawler": ("crawler",),
    "sort": ("sort",),
    "hash": ("hash",),
    "filter": ("filter",),
    "basic statistics": ("basic_statistics",),
    "encryption": ("encryption",),
    "video codec": ("video_codec",),
    "video capture": ("video_capture",),
    "rendering": ("rendering",),
}

# Metric of the table → the metrics of a spec that stand for it, without depth. Accuracy is that of the answer, measured as its field does.
METRICS: dict[str, tuple[str, ...]] = {
    "precision": ("precision", "same_class_precision"),
    "recall": ("recall",),
    "accuracy": (
        "accuracy",
        "decision_accuracy",
        "chrf",
        "bleu",
        "rouge_l",
        "wer",
        "cer",
        "delivered_psnr",
        "conceal_psnr",
        "ms_ssim",
    ),
}
LATENCY = "latency"


def published(name: str) -> Published | None:
    """The published scenario that a spec of this name belongs to."""
    return next((row for row in NINE if row.spec == name), None)
