"""The data sets that a spec may name. Standard library only: the compiler reads this table."""

from aibenchrt.component import DatasetSpec, Port, RequestSource

_RANKED = ("precision@10", "recall@10", "ndcg@10")
_USER = Port("user", "User")

DATASETS: tuple[DatasetSpec, ...] = (
    DatasetSpec(
        name="movielens_shop",
        doc="MovieLens-100k users, goods and interactions, tied to Fashion-MNIST photos and composed queries",
        licence="MovieLens: GroupLens terms, fetched, never redistributed; Fashion-MNIST: MIT; queries: ours, Apache-2.0",
        data_class=("user", "product", "query"),
        sources=(
            RequestSource("queries", (Port("text", "Text"), _USER), "text queries with held-out truth"),
            RequestSource("photos", (Port("image", "Image"), _USER), "photo queries with held-out truth"),
        ),
        metrics=_RANKED,
        truth="the goods that its user took after the global time split and that fit the request",
    ),
    DatasetSpec(
        name="web_pages",
        doc="a site of Debian's package descriptions, some copied, visited as MovieLens-100k's films were; queries made from synopses",
        licence="descriptions: the packages' own free licences; MovieLens: GroupLens terms; fetched, never redistributed; rest: Apache-2.0",
        data_class=("user", "product", "query"),
        sources=(RequestSource("queries", (Port("text", "Text"), _USER), "known-item text queries with held-out truth"),),
        metrics=(*_RANKED, "rouge_l"),
        truth="constructed, known-item: the page that its user went on to like and that the query's words were taken from",
    ),
    DatasetSpec(
        name="news",
        doc="articles with Debian packages' texts, read as films of MovieLens-100k were rated",
        licence="MovieLens: GroupLens terms, fetched, never redistributed; texts: each Debian package's own free licence, fetched",
        data_class=("text",),
        sources=(RequestSource("visits", (_USER,), "a reader opens the feed; truth: what that reader liked from then on"),),
        metrics=("precision@10", "recall@10"),
        truth="the articles that its reader liked after the global time split, from the visit on",
    ),
    DatasetSpec(
        name="translation",
        doc="French sentences with English translations (Debian's package descriptions, captions), typed, spoken and as pictures",
        licence="descriptions: each package's own free licence; captions, dictionary: GPL-2; all fetched, never redistributed",
        data_class=("text", "speech"),
        sources=(
            RequestSource("texts", (Port("text", "Text"),), "sentences as users type them, with a reference translation"),
            RequestSource("utterances", (Port("audio", "Audio"),), "captions that people spoke"),
            RequestSource("pictures", (Port("image", "Image"),), "pictures of a line of text"),
        ),
        metrics=("chrf", "bleu"),
        truth="the reference translation of the sentence that was typed, spoken or drawn",
    ),
    DatasetSpec(
        name="spoken_queries",
        doc="utterances of shop queries; specification only",
        licence="none: specification only",
        data_class=("query",),
        sources=(RequestSource("test", (Port("audio", "Audio"), _USER), "spoken queries"),),
        metrics=_RANKED,
        implemented=False,
    ),
    DatasetSpec(
        name="telephone_calls",
        doc="sentences spoken over the telephone; specification only",
        licence="none: specification only",
        data_class=("speech",),
        sources=(RequestSource("calls", (Port("audio", "Audio"),), "sentences spoken over the telephone"),),
        metrics=("chrf", "bleu"),
        implemented=False,
    ),
)
