"""The full configurations are those that were published: their layers, their parameters, one training step."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import aibenchrt.components
import numpy as np
import pytest
import torch
from aibenchrt.catalog import COMPONENTS
from aibenchrt.component import ComponentSpec, Kind, Profile
from aibenchrt.components.learning_to_rank import model as rankers
from aibenchrt.components.recommendation import model as recommenders
from aibenchrt.components.text_classification import model as texts
from torch import nn

FOLDER = Path(aibenchrt.components.__file__).parent
IMPLEMENTED = [spec for spec in COMPONENTS.values() if spec.implemented]


@pytest.mark.parametrize("spec", IMPLEMENTED, ids=lambda spec: spec.name)
def test_every_component_says_what_it_is(spec: ComponentSpec) -> None:
    folder = FOLDER / spec.name
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {spec.name}\n")
    if spec.kind is Kind.SERVICE:
        assert (folder / "service.py").is_file()
        return
    assert all((folder / name).is_file() for name in ("model.py", "train.py", "serve.py"))
    assert {model.profile for model in spec.models} == {Profile.SMALL, Profile.FULL}
    for model in spec.models:
        assert f"`{model.name}`" in page, f"{spec.name}/README.md does not say what {model.name} is"
        assert dict(model.quality).keys() & set(spec.metrics), f"{model.name} declares no quality of its component"
        assert model.paper
    assert spec.baseline
    marked = " ".join(re.findall(r"\*\*([^*]+)\*\*", page)).lower()
    for word in ("model", "data", "metric"):
        assert word in marked, f"{spec.name}/README.md has no {word}"


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _linear(network: nn.Module) -> Counter[tuple[int, int]]:
    return Counter((layer.in_features, layer.out_features) for layer in network.modules() if isinstance(layer, nn.Linear))


def test_bert_base_is_the_papers() -> None:
    """Devlin et al. 2019, section 3: L = 12, H = 768, A = 12, 110 M parameters; feed-forward layers of 4H; 30,000 word pieces."""
    with torch.device("meta"):
        network = texts.build("bert_base", labels=10)
    assert abs(_parameters(network) / 110e6 - 1) < 0.02
    head = 10 * 768 + 10
    assert _parameters(network) - head == 109_482_240  # the released BERT-base, uncased, with its pooler
    assert _linear(network) == {(768, 768): 12 * 4 + 1, (768, 3072): 12, (3072, 768): 12, (768, 10): 1}
    assert {layer.heads for layer in network.modules() if isinstance(layer, texts.BertLayer)} == {12}


def test_neumf_large_is_that_of_mlperf() -> None:
    """MLPerf Training v0.5 at MovieLens-20M, 31,832,577 parameters (Xu et al. 2021, table II): 138,493 users and 26,744 items."""
    with torch.device("meta"):
        network = recommenders.build("neumf_large", 138_493, 26_744)
    assert _parameters(network) == 31_832_577
    assert _linear(network) == {(256, 256): 1, (256, 128): 1, (128, 64): 1, (128, 1): 1}


def test_the_context_aware_ranker_is_that_of_its_authors() -> None:
    """Its published configuration at WEB30K's 136 features, counted by hand: the paper names no total."""
    width, hidden, features = 128, 512, 136
    attention, feed_forward, norms = 4 * (width * width + width), 2 * width * hidden + hidden + width, 2 * 2 * width
    whole = features * width + width + 4 * (attention + feed_forward + norms) + 2 * width + width + 1
    network = rankers.build("context_aware", torch.zeros(features), torch.ones(features))
    assert _parameters(network) == whole == 811_009
    assert _linear(network) == {(136, 128): 1, (128, 128): 16, (128, 512): 4, (512, 128): 4, (128, 1): 1}


def _lists() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Four lists of up to nine items: features, gains, presence."""
    rng = np.random.default_rng(7)
    x = torch.from_numpy(rng.normal(size=(4, 9, 5)).astype(np.float32))
    present = torch.arange(9).unsqueeze(0) < torch.tensor([9, 4, 7, 2]).unsqueeze(1)
    gains = torch.zeros(4, 9)
    gains[torch.arange(4), torch.tensor([3, 1, 6, 0])] = 1.0
    return x, gains, present


def test_a_training_step_of_the_context_aware_ranker_changes_every_weight_and_lowers_the_loss() -> None:
    torch.manual_seed(7)
    x, gains, present = _lists()
    network = rankers.build("context_aware", torch.zeros(5), torch.ones(5)).train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    before = {name: value.clone() for name, value in network.named_parameters()}
    numbers = rankers.MODELS["context_aware"]()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    first = rankers.lambda_loss(network(x, present), gains, present, numbers)
    first.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    assert float(rankers.lambda_loss(network(x, present), gains, present, numbers).detach()) < float(first.detach())
    unchanged = {name for name, value in network.named_parameters() if torch.equal(value, before[name])}
    assert unchanged <= {"out.bias"}, "a shift of all scores orders nothing; all else learns"


@torch.no_grad()
def test_a_padded_list_is_ranked_as_it_is_alone_and_each_item_in_the_light_of_the_others() -> None:
    torch.manual_seed(7)
    x, _, present = _lists()
    network = rankers.build("context_aware", torch.zeros(5), torch.ones(5)).eval()
    together = network(x, present)
    for row in range(len(x)):
        assert torch.allclose(together[row][present[row]], network(x[row][present[row]]), atol=1e-5)
    without_last = network(x[0][:-1])
    assert not torch.allclose(together[0][:-1], without_last, atol=1e-3)


@torch.no_grad()
def test_bert_sees_the_words_and_not_the_padding() -> None:
    torch.manual_seed(7)
    numbers = texts.BertNumbers(buckets=100, width=16, layers=2, heads=4, hidden=32)
    network = texts.BertClassifier(numbers, labels=3).eval()
    for parameter in network.parameters():  # as after some training: the initial weights are too small to distinguish anything
        nn.init.normal_(parameter, std=0.5)
    ids = torch.zeros(1, 4, 5, dtype=torch.int64)
    ids[0, 0, :3], ids[0, 1, :2] = torch.tensor([5, 6, 7]), torch.tensor([8, 9])
    assert torch.allclose(network(ids), network(ids[:, :2]), atol=1e-6), "padding changes nothing"
    swapped = ids[:, [1, 0, 2, 3]]
    assert not torch.allclose(network(ids), network(swapped), atol=1e-4), "the order of the words does"
