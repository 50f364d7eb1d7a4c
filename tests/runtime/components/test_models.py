"""The networks are those of the papers, learn, and come out of ONNX Runtime as they are in torch."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
import torch
from aibenchrt.catalog import component
from aibenchrt.components.image_classification import model as images
from aibenchrt.components.learning_to_rank import model as rankers
from aibenchrt.components.learning_to_rank.features import FEATURES, features
from aibenchrt.components.recommendation import model as recommenders
from aibenchrt.components.text_classification import model as texts
from aibenchrt.components.text_classification.features import bag_matrix, word_matrix
from aibenchrt.datasets.movielens_shop.dataset import WORLDS
from aibenchrt.train.export import difference, export
from aibenchrt.train.trained import Graph, Trained
from torch import nn
from torch.nn import functional

COMPONENTS = {"image_classification": images, "text_classification": texts, "recommendation": recommenders, "learning_to_rank": rankers}


@pytest.mark.parametrize("name", COMPONENTS)
def test_every_model_of_the_catalogue_can_be_built(name: str) -> None:
    spec = component(name)
    assert spec is not None
    assert {model.name for model in spec.models} == set(COMPONENTS[name].MODELS)


# He et al. 2016, table 6: 0.27M, 0.85M, 1.7M. One input channel instead of three: 3·3·16·2 = 288 fewer than 269,722, 853,018, 1,727,962.
CIFAR = [("resnet20", 20, 269_434), ("resnet56", 56, 852_730), ("resnet110", 110, 1_727_674)]


@pytest.mark.parametrize(("name", "layers", "expected"), CIFAR)
def test_cifar_residual_networks_are_those_of_section_4_2(name: str, layers: int, expected: int) -> None:
    network = images.build(name)
    assert images.parameters(network) == expected
    kinds = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert len(kinds) == layers
    n = (layers - 2) // 6
    filters = Counter(module.out_channels for module in kinds if isinstance(module, nn.Conv2d))
    assert filters == {16: 2 * n + 1, 32: 2 * n, 64: 2 * n}
    assert all(module.kernel_size == (3, 3) for module in kinds if isinstance(module, nn.Conv2d))


# Table 1's networks have 25.6M and 60.2M parameters with three input channels and 1000 classes.
@pytest.mark.parametrize(("name", "layers", "paper"), [("resnet50", 50, 25.557e6), ("resnet152", 152, 60.193e6)])
def test_bottleneck_networks_are_those_of_table_1(name: str, layers: int, paper: float) -> None:
    network = images.build(name, labels=1000)
    assert abs(images.parameters(network) / paper - 1) < 0.02
    projections = {id(module) for block in network.modules() if isinstance(block, images.Bottleneck) for module in block.shortcut.modules()}
    counted = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear) and id(module) not in projections]
    assert len(counted) == layers


def _maps(network: nn.Module, x: torch.Tensor, kind: type[nn.Module]) -> list[tuple[int, ...]]:
    shapes: list[tuple[int, ...]] = []
    for module in network.modules():
        if isinstance(module, kind):
            module.register_forward_hook(lambda _module, _inputs, output: shapes.append(tuple(output.shape[1:])))
    with torch.no_grad():
        network.eval()(x)
    return shapes


def test_the_maps_of_resnet20_halve_and_its_filters_double() -> None:
    shapes = _maps(images.build("resnet20"), images.example(), images.BasicBlock)
    assert shapes == [(16, 28, 28)] * 3 + [(32, 14, 14)] * 3 + [(64, 7, 7)] * 3


def test_resnet20_in_colour_is_the_papers_to_the_last_parameter() -> None:
    """He et al. 2016, section 4.2: three channels, maps of 32, 16, 8; 0.27M parameters (269,722 with option A and 10 outputs)."""
    network = images.build("resnet20_colour")
    assert images.parameters(network) == 269_722
    shapes = _maps(network, images.example("resnet20_colour"), images.BasicBlock)
    assert shapes == [(16, 32, 32)] * 3 + [(32, 16, 16)] * 3 + [(64, 8, 8)] * 3


def test_the_maps_of_resnet50_are_those_of_table_1() -> None:
    shapes = _maps(images.build("resnet50"), images.example(), images.Bottleneck)
    assert shapes == [(256, 56, 56)] * 3 + [(512, 28, 28)] * 4 + [(1024, 14, 14)] * 6 + [(2048, 7, 7)] * 3


def test_neumf_is_gmf_beside_a_tower() -> None:
    users, items, numbers = 7, 11, recommenders.neumf()
    network = recommenders.build("neumf", users, items)
    tables = (users + items) * (numbers.factors + numbers.tower[0] // 2)
    tower = sum(a * b + b for a, b in zip(numbers.tower, numbers.tower[1:], strict=False))
    assert sum(p.numel() for p in network.parameters()) == tables + tower + numbers.factors + numbers.tower[-1] + 1
    gmf = recommenders.build("gmf", users, items)
    user, item = torch.tensor([3]), torch.tensor([5])
    product = (gmf.user_factors(user) * gmf.item_factors(item) * gmf.out.weight).sum() + gmf.out.bias
    assert torch.allclose(gmf(user, item), product)


def _lambda_weight_by_hand(gains: list[float], mu: float) -> float:
    """Two items, the worse one scored higher: the loss of the one pair at equal scores is its weight (log2(1 + 1) = 1)."""
    ideal = max(gains)
    rank = abs(1 / np.log2(2) - 1 / np.log2(3))
    loss2 = abs(1 / np.log2(2) - 1 / np.log2(3))
    return float(abs(gains[0] - gains[1]) / ideal * (rank + mu * loss2))


@pytest.mark.parametrize(("name", "mu"), [("linear_lambda", 0.0), ("mlp_lambda", 10.0)])
def test_the_lambda_loss_of_one_pair_is_what_the_paper_says(name: str, mu: float) -> None:
    scores, gains = torch.zeros(1, 3), torch.tensor([[0.0, 1.0, 5.0]])
    present = torch.tensor([[True, True, False]])  # the third is padding: its gain must not count
    loss = rankers.lambda_loss(scores, gains, present, rankers.MODELS[name]())
    assert float(loss) == pytest.approx(_lambda_weight_by_hand([0.0, 1.0], mu), rel=1e-5)


def _real_inputs(name: str, model: str) -> tuple[nn.Module, dict[str, torch.Tensor], str]:
    """A freshly initialised network and real inputs of the synthetic world."""
    world = WORLDS.load("synthetic", 7)
    torch.manual_seed(7)
    if name == "image_classification":
        pixels = torch.from_numpy(world.photos.images[:4].astype(np.float32) / 255).unsqueeze(1)
        if model == "resnet20_colour":
            pixels = functional.interpolate(pixels, size=32).repeat(1, 3, 1, 1) * torch.tensor([1.0, 0.8, 0.6]).reshape(1, 3, 1, 1)
        return images.build(model), {"pixels": pixels}, "logits"
    if name == "text_classification":
        asked, numbers = [query.text for query in world.queries[:8]], texts.MODELS[model]()
        if isinstance(numbers, texts.FasttextNumbers):
            ids = bag_matrix(asked, numbers.buckets)
        else:
            ids = word_matrix(asked, texts.hash_buckets(numbers), numbers.words, numbers.subwords)
        return texts.build(model, 10), {"ids": torch.from_numpy(ids)}, "logits"
    if name == "recommendation":
        first = world.interactions
        users, items = (torch.from_numpy(rows[:8].copy()) for rows in (first.user, first.item))
        network = recommenders.build(model, int(users.max()) + 1, int(items.max()) + 1)
        return network, {"user": users, "item": items}, "logit"
    items_found = {
        "item_id": [item.item_id for item in world.items[:6]],
        "category": [item.category for item in world.items[:6]],
        "popularity": [item.popularity for item in world.items[:6]],
        "search_score": [6.0, 5.0, 4.0, 3.0, 2.0, 1.0],
        "recommend_score": [0.1, 0.9, 0.5, 0.4, 0.3, 0.2],
        "rank_score": [0.0] * 6,
    }
    x = torch.from_numpy(features({"items": items_found}))
    return rankers.build(model, x.mean(dim=0), x.std(dim=0).clamp(min=1e-3)), {"features": x}, "score"


NAMED = [(name, model.name, model.profile.value) for name in COMPONENTS for model in component(name).models]  # type: ignore[union-attr]
# Exporting these takes from seven seconds to minutes; those that train in the quick tests are exported there, too.
SLOW = ("resnet20", "resnet20_colour", "resnet56", "resnet110", "resnet50", "resnet152", "bert_base", "context_aware")
QUICK = [(name, model) for name, model, _ in NAMED if model not in ("resnet50", "resnet152")]


def _with_statistics(network: nn.Module, inputs: dict[str, torch.Tensor]) -> nn.Module:
    """As after some training: batch norm has statistics of real input, and scales and shifts of its own."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, std=0.2)
        norm.momentum = None  # the plain mean of what is seen
    if norms:
        with torch.no_grad():
            network.train()(*inputs.values())
    return network.eval()


@pytest.mark.parametrize(
    ("name", "model"),
    [pytest.param(name, model, marks=[pytest.mark.long, pytest.mark.timeout(900)] if model in SLOW else []) for name, model, _ in NAMED],
)
def test_onnx_agrees_with_torch_on_real_input(name: str, model: str) -> None:
    network, inputs, output = _real_inputs(name, model)
    network = _with_statistics(network, inputs)
    graph = Graph(network, inputs, (output,), lengths={"ids": (1,)} if model == "fasttext" else {})
    files = export(Trained({"model": graph}, {}, "", {}, {}, 0))
    assert difference(graph, files["model.onnx"]) <= 1.0
    with torch.no_grad():
        bias = next(p for p in network.parameters() if p.ndim == 1)
        bias.add_(torch.arange(1, len(bias) + 1) / len(bias))  # not the same to all: a layer norm takes that away
    assert difference(graph, files["model.onnx"]) > 1.0, "the comparison does not notice other weights"
    stored = onnx.load_model_from_string(files["model.onnx"])
    del stored.graph.initializer[:]  # in a hundred million bytes of weights any short word occurs by chance
    graph = stored.SerializeToString()
    assert b"relu" in graph.lower() or b"gather" in graph.lower() or b"gemm" in graph.lower()
    assert b"/work" not in graph
    assert b".py" not in graph


@pytest.mark.parametrize(
    ("name", "model"),
    [
        pytest.param(name, model, marks=pytest.mark.long if model == "bert_base" else [])
        for name, model in QUICK
        if name != "learning_to_rank"
    ],
)
def test_one_training_step_changes_every_weight_and_lowers_the_loss(name: str, model: str) -> None:
    network, inputs, _ = _real_inputs(name, model)
    before = {key: value.clone() for key, value in network.named_parameters()}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)

    def loss() -> torch.Tensor:
        out = network(*inputs.values())
        if out.ndim == 1:
            return functional.binary_cross_entropy_with_logits(out, torch.ones_like(out))
        return functional.cross_entropy(out, torch.arange(len(out)))

    network.train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    first = loss()
    first.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    assert float(loss().detach()) < float(first.detach())
    unchanged = [key for key, value in network.named_parameters() if torch.equal(value, before[key])]
    assert unchanged == []


def test_a_misspelt_word_keeps_most_of_its_features() -> None:
    (right, wrong) = bag_matrix(["submarines", "submarnes"], 1 << 14)
    shared = set(right[right > 0].tolist()) & set(wrong[wrong > 0].tolist())
    assert len(shared) > 0.3 * len(set(right[right > 0].tolist()))


def test_a_rankers_features_say_what_the_path_said() -> None:
    items = {"item_id": [4, 9], "category": [2, 1], "popularity": [0.5, 0.1], "search_score": [3.0, 7.0], "recommend_score": [0.5, 0.9]}
    inputs = {
        "items": items,
        "category": {"label": [1, 2], "probability": [0.8, 0.2]},
        "weights": {"weight": [0.0, 0.6, 0.4]},
        "profile": {"user_id": 1, "history": [4]},
    }
    columns = dict(zip([name for name, _ in FEATURES], features(inputs).T.tolist(), strict=True))
    assert columns["search_reciprocal_rank"] == [0.5, 1.0]
    assert columns["category_probability"] == pytest.approx([0.2, 0.8])
    assert columns["is_first_category"] == [0.0, 1.0]
    assert columns["user_weight_of_category"] == pytest.approx([0.4, 0.6])
    assert columns["already_liked"] == [1.0, 0.0]
    assert features({"items": {"item_id": []}}).shape == (0, len(FEATURES))
