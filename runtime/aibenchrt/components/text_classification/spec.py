"""Text classification: the category that a query asks for."""

from aibenchrt.component import ComponentSpec, Kind, Model, Port, Ports, Profile
from aibenchrt.datasets.needs import ITEMS, QUERIES

# Qualities: means over three seeds at size small; README.md says how they were measured.
SPEC = ComponentSpec(
    name="text_classification",
    package=__package__,
    family="classification",
    kind=Kind.AI,
    doc="predicts the category that a query asks for",
    ports=Ports((Port("query", "Query"),), (Port("category", "Category"),)),
    models=(
        Model(
            "fasttext",
            Profile.SMALL,
            (("accuracy", 0.861),),
            0.01,
            "Joulin et al. 2017, Bag of Tricks for Efficient Text Classification",
        ),
        Model(
            "textcnn",
            Profile.SMALL,
            (("accuracy", 0.856),),
            0.5,
            "Kim 2014, Convolutional Neural Networks for Sentence Classification",
        ),
        Model(
            "bert_base",
            Profile.FULL,
            (("accuracy", 0.709),),  # not trained here: the figure of tf-idf with a linear classifier
            1110.0,
            "Devlin et al. 2019, BERT: Pre-training of Deep Bidirectional Transformers, BERT-base",
            memory_mib=880,
        ),
    ),
    baseline="majority",
    metrics=("accuracy",),
    trains=True,
    memory_mib=96,
    cpu_ms=1.5,
    needs=(ITEMS, QUERIES),
)
