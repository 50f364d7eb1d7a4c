"""The data sets that a spec may name. Standard library only, because the compiler imports this table."""

from collections.abc import Iterable, Mapping

from aibenchrt.component import DatasetSpec, Port, RequestSource
from aibenchrt.datasets.needs import (
    ACCOUNTS,
    BOXES,
    CAPTIONS,
    CATALOGUE,
    CHANGED,
    CLIPS,
    ENROLMENT,
    FACES,
    HOSTED,
    INTERACTIONS,
    ITEMS,
    KEYS,
    LINES,
    PAIRS,
    PHOTOS,
    QUERIES,
    SITE,
    SNAPSHOTS,
    SOLIDS,
    SUMMARIES,
    TURNED,
    USERS,
    UTTERANCES,
    VIEWS,
)
from aibenchrt.registry import Registry

_RANKED = ("precision@10", "recall@10", "ndcg@10")
_USER = Port("user", "User")
_MESSAGE = (Port("message", "Sealed"), _USER)
_FRAME = (Port("shot", "Shot"), Port("moment", "Moment"))
_FLIGHT = (Port("image", "Image"), Port("camera", "Camera"), Port("wish", "Wish"), Port("moment", "Moment"), _USER)
_GROUP = (Port("packet", "Packet"), *_FRAME, _USER)

DATASETS: Registry[DatasetSpec] = Registry(
    (
        DatasetSpec(
            name="movielens_shop",
            package="aibenchrt.datasets.movielens_shop",
            doc="MovieLens-100k users, goods and interactions, tied to Fashion-MNIST photos and composed queries",
            licence="MovieLens: GroupLens terms, fetched, never redistributed; Fashion-MNIST: MIT; queries: ours, Apache-2.0",
            data_class=("user", "product", "query"),
            sources=(
                RequestSource("queries", (Port("text", "Text"), _USER), "text queries with held-out truth"),
                RequestSource("photos", (Port("image", "Image"), _USER), "photo queries with held-out truth"),
            ),
            metrics=(*_RANKED, "accuracy"),
            truth_types=("relevant", "label"),
            truth="the goods that its user took after the global time split and that fit the request",
            gives=(ITEMS, USERS, INTERACTIONS, SNAPSHOTS, QUERIES, PHOTOS, UTTERANCES),
            clustered_by=_USER.name,
        ),
        DatasetSpec(
            name="web_pages",
            package="aibenchrt.datasets.web_pages",
            doc="a site of Debian's package descriptions, some copied, visited as MovieLens-100k's films were; queries made from synopses",
            licence="descriptions: the packages' own free licences; MovieLens: GroupLens terms; fetched, never redistributed; "
            "rest: Apache-2.0",
            data_class=("user", "product", "query"),
            sources=(RequestSource("queries", (Port("text", "Text"), _USER), "known-item text queries with held-out truth"),),
            metrics=(*_RANKED, "rouge_l", "accuracy"),
            truth_types=("relevant", "label", "reference"),
            truth="constructed, known-item: the page that its user went on to like and that the query's words were taken from",
            gives=(ITEMS, USERS, INTERACTIONS, SNAPSHOTS, QUERIES, SITE, SUMMARIES, UTTERANCES),
            clustered_by=_USER.name,
        ),
        DatasetSpec(
            name="news",
            package="aibenchrt.datasets.news",
            doc="articles with Debian packages' texts, read as films of MovieLens-100k were rated",
            licence="MovieLens: GroupLens terms, fetched, never redistributed; texts: each Debian package's own free licence, fetched",
            data_class=("text",),
            sources=(RequestSource("visits", (_USER,), "a reader opens the feed; truth: what that reader liked from then on"),),
            metrics=("precision@10", "recall@10"),
            truth_types=("relevant",),
            truth="the articles that its reader liked after the global time split, from the visit on",
            gives=(ITEMS, USERS, INTERACTIONS, SNAPSHOTS, UTTERANCES),
            clustered_by=_USER.name,
        ),
        DatasetSpec(
            name="translation",
            package="aibenchrt.datasets.translation",
            doc="French sentences with English translations (Debian's package descriptions, captions), typed, spoken and as pictures",
            licence="descriptions: each package's own free licence; captions, dictionary: GPL-2; all fetched, never redistributed",
            data_class=("text", "speech"),
            sources=(
                RequestSource("texts", (Port("text", "Text"),), "sentences as users type them, with a reference translation"),
                RequestSource("utterances", (Port("audio", "Audio"),), "captions that people spoke"),
                RequestSource("pictures", (Port("image", "Image"),), "pictures of a line of text"),
            ),
            metrics=("chrf", "bleu"),
            truth_types=("reference",),
            truth="the reference translation of the sentence that was typed, spoken or drawn",
            gives=(PAIRS, UTTERANCES, LINES),
        ),
        DatasetSpec(
            name="furniture_pictures",
            package="aibenchrt.datasets.furniture_pictures",
            doc="photos composed of rendered furniture on wallpapers, in any pose and light, with boxes; their catalogue pictures",
            licence="models: CC-BY 3.0 or CC0, each with its author; wallpapers: CC-BY(-SA) 4.0, CC0, GPL-2+; fetched; rest: Apache-2.0",
            data_class=("product", "image"),
            sources=(
                RequestSource("photos", (Port("image", "Image"), _USER), "a photo of a piece of furniture that its user wants"),
                RequestSource(
                    "photos_with_words", (Port("image", "Image"), Port("text", "Text"), _USER), "a photo of two things, and words for one"
                ),
                RequestSource("addresses", (Port("text", "Text"), _USER), "the address at which such a photo is kept"),
            ),
            metrics=(
                "recall@10",
                "ndcg@10",
                "hit_rate@10",
                "same_class_precision@10",
                "same_class_ndcg@10",
                "accuracy",
                "chrf",
                "map50",
            ),
            truth_types=("relevant", "same_class", "label", "reference", "boxes", "angle"),
            truth="the model that was rendered, which no component saw in training; its noun; a caption made from both; where it is seen",
            gives=(ITEMS, PHOTOS, BOXES, TURNED, VIEWS, CATALOGUE, CAPTIONS, HOSTED),
            clustered_by=_USER.name,
        ),
        DatasetSpec(
            name="faces",
            package="aibenchrt.datasets.faces",
            doc="payments in sealed messages with faces in colour and depth, rendered from drawn heads; impostors, printed photos, replays",
            licence="heads: MakeHuman's base mesh, targets and face units, CC0 1.0, fetched; rest: Apache-2.0",
            data_class=("face image", "payment"),
            sources=(
                RequestSource("genuine", _MESSAGE, "a payment, with the face of its payer", once=True),
                RequestSource("impostors", _MESSAGE, "a payment by a stolen device, with another's face", once=True),
                RequestSource("printed", _MESSAGE, "a payment with a printed photo of its payer", once=True),
                RequestSource("replays", _MESSAGE, "a payment, and the same bytes again", once=True, pair_apart_s=2.0),
                RequestSource("doubles", _MESSAGE, "a payment that is ordered twice at once, by two messages", once=True, pair_apart_s=0.0),
                RequestSource("spoken", (*_MESSAGE, Port("audio", "Audio")), "a payment, and how it was ordered by voice", once=True),
                RequestSource("cards", (*_MESSAGE, Port("card", "Image")), "a payment, and the name on its payer's card", once=True),
            ),
            metrics=("false_accept_rate", "false_reject_rate", "equal_error_rate", "decision_accuracy"),
            truth_types=("genuine",),
            truth="whether the face is that of the device's owner, is no printed photo, and the message comes for the first time",
            gives=(ITEMS, USERS, INTERACTIONS, UTTERANCES, LINES, FACES, ENROLMENT, KEYS, ACCOUNTS),
            clustered_by=_USER.name,
        ),
        DatasetSpec(
            name="live_show",
            package="aibenchrt.datasets.live_show",
            doc="a shopping show: clips composed of rendered furniture that moves before wallpapers, as a cheap camera sees them",
            licence="models: CC-BY 3.0 or CC0, each with its author; wallpapers: CC-BY(-SA) 4.0, CC0, GPL-2+; fetched; rest: Apache-2.0",
            data_class=("image",),
            sources=(
                RequestSource("frames", _FRAME, "a frame of a clip, as it is due", clip=125),
                RequestSource(
                    "gifts", (*_FRAME, Port("wish", "Wish"), _USER), "the same, with a gift that a viewer wishes on it", clip=125
                ),
                RequestSource("spoken", (*_FRAME, Port("audio", "Audio")), "the same, with what the host has just said", clip=125),
            ),
            metrics=("psnr", "ssim", "gift_accuracy"),
            truth_types=("original", "gift"),
            truth="the frame before the camera dims it and adds its noise; what a viewer wished, as a frozen classifier reads it",
            clustered_by="shot.clip",
            gives=(ITEMS, USERS, INTERACTIONS, UTTERANCES, VIEWS, CHANGED, CLIPS),
        ),
        DatasetSpec(
            name="arcade",
            package="aibenchrt.datasets.arcade",
            doc="bodies to be reconstructed from a picture and seen from a camera led around them, rendered; textures; frames in two looks",
            licence="models and textures: CC-BY 3.0 or CC0, each with its author; fetched; rest: Apache-2.0",
            data_class=("image",),
            sources=(
                RequestSource("frames", _FLIGHT, "a picture of a body, and the frames of a camera that is led around it", clip=60),
                RequestSource("spoken", (*_FLIGHT, Port("audio", "Audio")), "the same, with what a player says to others", clip=60),
            ),
            metrics=("voxel_iou", "silhouette_iou", "ssim", "psnr"),
            truth_types=("original", "solid"),
            truth="the frame of the model's own triangles in an unseen texture, rendered; the voxels of a body that no component saw",
            gives=(ITEMS, USERS, INTERACTIONS, UTTERANCES, VIEWS, CHANGED, SOLIDS),
            clustered_by=_USER.name,
        ),
        DatasetSpec(
            name="clips",
            package="aibenchrt.datasets.clips",
            doc="moving pictures in groups of eight frames: recordings of OpenCV's samples, a camera that wanders over wallpapers",
            licence="recordings: Apache-2.0 and BSD-3-Clause; wallpapers: CC-BY(-SA) 4.0, CC0, GPL-2+; all fetched; rest: Apache-2.0",
            data_class=("video",),
            sources=(
                RequestSource("groups", _GROUP, "groups of eight frames of a clip, one after the other, encoded with H.264", clip=6),
                RequestSource("spoken", (*_GROUP, Port("audio", "Audio")), "the same, with what a narrator says meanwhile", clip=6),
            ),
            metrics=("delivered_psnr", "conceal_psnr", "ms_ssim", "bits_per_pixel"),
            truth_types=("originals",),
            truth="the group's frames as they were before they were encoded",
            gives=(ITEMS, USERS, INTERACTIONS, UTTERANCES, CLIPS),
            clustered_by=_USER.name,
        ),
        DatasetSpec(
            name="spoken_queries",
            package="aibenchrt.datasets.spoken_queries",
            doc="a world's queries as speech: what was meant, one synthetic sound a letter; the news read to who asks for them",
            licence="as the world's queries; the speech: ours, Apache-2.0",
            data_class=("query",),
            sources=(RequestSource("test", (Port("audio", "Audio"), _USER), "spoken queries with the held-out truth of the typed ones"),),
            metrics=_RANKED,
            truth_types=("relevant",),
            truth="that of the query that is spoken",
            made_from=("movielens_shop.queries", "web_pages.queries", "news.visits"),
            clustered_by=_USER.name,
        ),
        DatasetSpec(
            name="telephone_calls",
            package="aibenchrt.datasets.telephone_calls",
            doc="a world's utterances as they come through a telephone: a narrow band, eight bits a sample, noise",
            licence="as the world's utterances",
            data_class=("speech",),
            sources=(RequestSource("calls", (Port("audio", "Audio"),), "utterances that came by telephone"),),
            metrics=("chrf", "bleu"),
            truth_types=("reference",),
            truth="the reference translation of the sentence that was spoken",
            made_from=("translation.utterances",),
        ),
    )
)


def shared_worlds(names: Iterable[str], datasets: Mapping[str, DatasetSpec] = DATASETS) -> tuple[str, ...]:
    """The worlds that all these data sets can belong to, in the order of the first; an unknown name counts as a world of its own."""
    possible = [datasets[name].worlds if name in datasets else (name,) for name in names]
    return tuple(world for world in possible[0] if all(world in worlds for worlds in possible)) if possible else ()
