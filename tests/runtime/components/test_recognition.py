"""speech_recognition and text_recognition: what they hear and see, decoding, the published networks, serving, and that they learn."""

from __future__ import annotations

import io
import itertools
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from aibenchrt.catalog import component
from aibenchrt.components.speech_recognition import conformer as published
from aibenchrt.components.speech_recognition import features, model, serve
from aibenchrt.components.speech_recognition import train as speech
from aibenchrt.components.speech_recognition.decoding import MOST, Array, greedy
from aibenchrt.components.text_recognition import model as crnn
from aibenchrt.components.text_recognition import serve as serve_text
from aibenchrt.components.text_recognition import train as text
from aibenchrt.components.text_recognition.features import HEIGHT, columns
from aibenchrt.datasets.sources import tuxpaint_stamps as stamps
from aibenchrt.datasets.sources.synthetic_speech import RATE, speak, wav
from aibenchrt.datasets.sources.tuxpaint_stamps import Utterance
from aibenchrt.datasets.text_lines import Line, picture
from aibenchrt.datasets.translation import dataset as translation
from aibenchrt.datasets.translation.world import TranslationWorld
from aibenchrt.progress import silent
from aibenchrt.train.ctc import alphabet_of, best_path, numbers_of, text_of
from aibenchrt.train.events import untold
from aibenchrt.train.export import export
from aibenchrt.train.recognition import Effort, Example, alike, character_counts, error_rate, lower_by, most_frequent, padded, word_counts
from aibenchrt.train.repository import Key, ModelVersion, store
from aibenchrt.train.task import train_task
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn

pytestmark = pytest.mark.timeout(900)  # on a machine without caches the small models are trained first

TONE = 2000.0  # hertz


def tone(seconds: float, rate: int = RATE) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return 0.5 * np.sin(2 * np.pi * TONE * np.arange(int(seconds * rate)) / rate)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.fixture(scope="module")
def world() -> TranslationWorld:
    return translation.WORLDS.load("synthetic")


@pytest.fixture(scope="module")
def hearing(world: TranslationWorld) -> ModelVersion:
    return train_task("speech_recognition", "ctc_bigru", world, size="tiny")


@pytest.fixture(scope="module")
def reading(world: TranslationWorld) -> ModelVersion:
    return train_task("text_recognition", "crnn", world, size="tiny")


@dataclass(frozen=True)
class Small:
    """Two dozen utterances and pictures, each text in one split."""

    texts: Mapping[str, tuple[str, ...]]

    def utterances(self, split: str) -> list[Utterance]:
        rng = np.random.default_rng([len(split), 1])
        return [Utterance(speak(text, rng), text) for text in self.texts[split]]

    def lines(self, split: str) -> list[Line]:
        rng = np.random.default_rng([len(split), 2])
        return [Line(picture(text, rng, "synthetic"), text) for text in self.texts[split]]


SMALL = Small(
    {"train": ("un chat.", "un roi", "le mur", "la mer.") * 4, "validation": ("un mur", "le roi"), "test": ("la rue", "un cri", "mer")}
)


# What is heard and seen.


def test_a_tone_is_loud_in_its_own_band_alone() -> None:
    heard = features.log_mel(wav(np.concatenate([np.zeros(RATE // 2), tone(0.5)])))
    assert heard.shape == (98, features.MELS)
    assert heard.dtype == np.float32
    assert np.abs(heard.mean(axis=0)).max() < 1e-4
    rise = heard[60:].mean(axis=0) - heard[:40].mean(axis=0)
    mel = 2595 * np.log10(1 + TONE / 700) / (2595 * np.log10(1 + RATE / 2 / 700)) * (features.MELS + 1) - 1
    assert abs(int(np.argmax(rise)) - mel) <= 1.5


def test_a_short_utterance_is_followed_by_silence() -> None:
    assert len(features.log_mel(wav(tone(0.01)))) == 8


@pytest.mark.parametrize("rate", [8000, 44100])
def test_another_rate_is_refused(rate: int) -> None:
    with pytest.raises(ValueError, match=f"a WAV of {rate} Hz"):
        features.log_mel(wav(tone(0.2, rate), rate))


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("L’oiseau, là-bas : «bleu».", "l'oiseau là-bas bleu"),
        ("Une pièce de 25 cents (0,25 $) !", "une pièce de 25 cents 0 25"),
        ("...", ""),
    ],
)
def test_spelling_is_what_can_be_heard(written: str, heard: str) -> None:
    assert features.spelling(written) == heard


def test_an_answer_is_written_as_transcripts_mostly_are() -> None:
    assert features.habits(["Un chat.", "Un roi.", "mer"]) == {"capital": True, "stop": True}
    assert features.habits(["un chat", "Un roi.", "mer"]) == {"capital": False, "stop": False}
    assert features.written("école", capital=True, stop=True) == "École."
    assert features.written("mer", capital=False, stop=False) == "mer"
    assert features.written("", capital=True, stop=True) == ""


def test_a_picture_is_seen_at_one_height_and_its_own_shape() -> None:
    image = Image.new("L", (120, 48), 200)
    image.paste(20, (0, 0, 60, 48))
    out = io.BytesIO()
    image.save(out, "PNG")
    seen = columns(out.getvalue())
    assert seen.shape == (80, HEIGHT)
    assert seen[:39].max() < 0 < seen[41:].min()


# Data.


def test_a_caption_is_read_with_its_translation_and_its_sound(tmp_path: Path) -> None:
    ogg = io.BytesIO()
    soundfile.write(ogg, np.stack([tone(0.5, 44100)] * 2, axis=1), 44100, format="OGG")
    folder = "usr/share/tuxpaint/stamps/animals"
    files = {
        f"{folder}/cat.txt": "A  cat.\nes.utf8=Un gato.\nfr.utf8=Un\u00a0chat.\n".encode(),
        f"{folder}/cat_desc_fr.ogg": ogg.getvalue(),
        f"{folder}/dog.txt": b"A dog.\nfr.utf8=Un chien.\n",
        f"{folder}/eel.txt": b"An eel.\nes.utf8=Una anguila.\n",
    }
    path = tmp_path / "captions.tar"
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    with tarfile.open(path) as archive:
        members = {member.name.removeprefix("usr/share/tuxpaint/stamps/"): member for member in archive.getmembers()}
        cat, dog = stamps._captions(archive, members, "fr", silent)
    assert (cat.key, cat.text, cat.english) == ("animals/cat", "Un chat.", "A cat.")
    assert dog.wav == b""
    samples = features.samples_of(cat.wav)
    assert abs(len(samples) - RATE // 2) < 200
    assert abs(np.argmax(np.abs(np.fft.rfft(samples))) * RATE / len(samples) - TONE) < 5


def test_speech_and_pictures_are_the_same_for_the_same_seed() -> None:
    for make in (
        lambda rng: speak("Un chat.", rng),
        lambda rng: picture("Un chat.", rng),
        lambda rng: picture("Un chat.", rng, "synthetic"),
    ):
        first, again, other = (make(np.random.default_rng(seed)) for seed in (1, 1, 2))
        assert first == again != other


def test_more_text_is_longer_speech_and_a_wider_picture() -> None:
    rng = np.random.default_rng(3)
    assert len(features.samples_of(speak("un chat noir", rng))) > 1.5 * len(features.samples_of(speak("un", rng)))
    sizes = [Image.open(io.BytesIO(picture(text, rng))).size for text in ("un", "un chat noir et gris")]
    assert sizes[1][0] > 2 * sizes[0][0]
    with pytest.raises(ValueError, match="no text"):
        picture(" ", rng)


# Decoding and error rates.


@given(st.text("abc", max_size=8), st.lists(st.integers(1, 3), min_size=17, max_size=17))
def test_the_best_path_gives_the_text_back(written: str, lengths: list[int]) -> None:
    """Each character for some steps, a blank between equal ones."""
    path: list[int] = [0]
    for character, steps in zip(numbers_of(written, "abc"), lengths, strict=False):
        path += ([0] if path[-1] == character else []) + [character] * steps
    assert text_of(best_path(np.eye(4)[path]), "abc") == written


def test_an_unknown_character_is_left_out() -> None:
    assert alphabet_of(["ba", "cb"]) == "abc"
    assert numbers_of("cxa", "abc") == [3, 1]


def test_greedy_decoding_follows_the_scores_and_carries_the_state() -> None:
    script = iter([2, 0, 1, 1, 0, *[1] * MOST])  # two characters at steps 0 and 1; at step 2 it never stops by itself
    met: list[tuple[float, int, float]] = []

    def decode(encoded: Array, last: Array, hidden: Array, cell: Array) -> tuple[Array, Array, Array]:
        met.append((float(encoded[0, 0]), int(last[0]), float(hidden[0, 0])))
        return np.eye(3)[[next(script)]], hidden + 1, cell

    assert greedy(np.arange(3, dtype=np.float32)[:, None], decode, 4) == [2, 1, 1, *[1] * MOST]
    assert met[:5] == [(0, 0, 0), (0, 2, 1), (1, 2, 1), (1, 1, 2), (1, 1, 3)]


def test_error_rates_are_of_all_texts_together() -> None:
    references, answers = ["abcd ef", "gh"], ["abxd ef", "ghij k"]
    characters, words = character_counts(references, answers), word_counts(references, answers)
    assert characters.errors.tolist() == [1, 4]
    assert words.errors.tolist() == [1, 2]
    assert characters.rate == 5 / 9
    nothing = character_counts(references, ["", ""])
    assert nothing.rate == 1.0
    assert lower_by(characters, nothing, 1).value == pytest.approx(4 / 9, abs=1e-6)
    assert error_rate(characters, 1).low <= 5 / 9 <= error_rate(characters, 1).high
    assert most_frequent(["b", "a", "b", "a", "c"]) == "a"


def test_batches_are_of_like_length_and_hold_every_row_once() -> None:
    examples = [Example(np.zeros((length, 1), np.float32), [1]) for length in (5, 90, 6, 88, 7, 91, 4)]
    groups = list(alike(examples, 3, torch.Generator().manual_seed(1)))
    assert sorted(itertools.chain(*groups)) == list(range(7))
    assert sum(max(len(examples[row].signal) for row in rows) * len(rows) for rows in groups) < 7 * 91


# Networks.


@pytest.mark.parametrize("name", ["ctc_bigru", "conformer"])
def test_an_utterance_in_a_padded_batch_is_heard_as_alone(name: str) -> None:
    torch.manual_seed(1)
    network = model.build(name, 5).eval()
    signals = [np.random.default_rng(k).normal(size=(length, features.MELS)).astype(np.float32) for k, length in enumerate((41, 60))]
    batch, lengths, _, _ = padded(signals, [[1], [2]], torch.device("cpu"))
    with torch.no_grad():
        together, alone = network(batch, lengths), network(torch.from_numpy(signals[0])[None])
    steps = int(network.steps(lengths)[0])
    assert alone.shape[1] == steps < together.shape[1]
    torch.testing.assert_close(together[0, :steps], alone[0], atol=1e-4, rtol=1e-4)


def test_relative_positions_are_those_of_the_distance() -> None:
    """scores[i, d] by distance d = 3 … -3, of place i to place j = i - d."""
    scores = torch.arange(4 * 7, dtype=torch.float32).reshape(1, 1, 4, 7)
    moved = published.shifted(scores)[0, 0]
    for i, j in itertools.product(range(4), range(4)):
        assert moved[i, j] == scores[0, 0, i, 3 - (i - j)]


def test_the_transducer_loss_sums_over_all_alignments() -> None:
    """Against an enumeration of the ways to write u characters in t steps: each step ends with a blank."""
    torch.manual_seed(2)
    scores, texts = torch.randn(2, 4, 3, 5, requires_grad=True), torch.tensor([[2, 4], [3, 0]])
    heard, sizes = torch.tensor([4, 3]), torch.tensor([2, 1])
    loss = published.transducer_loss(scores, texts, heard, sizes)
    likely = scores.log_softmax(dim=3)
    for row in range(2):
        ways = []
        for when in itertools.combinations_with_replacement(range(int(heard[row])), int(sizes[row])):
            total, written = torch.zeros(()), 0
            for step in range(int(heard[row])):
                for _ in range(when.count(step)):
                    total = total + likely[row, step, written, texts[row, written]]
                    written += 1
                total = total + likely[row, step, written, 0]
            ways.append(total)
        torch.testing.assert_close(loss[row], -torch.logsumexp(torch.stack(ways), 0))
    loss.sum().backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    assert torch.isfinite(scores.grad).all()
    assert (scores.grad[1, 3] == 0).all(), "what is padded has no part in it"


def test_the_conformer_is_that_of_table_1() -> None:
    """Gulati et al. 2020, table 1, Conformer (S): 10.3 million parameters with 1,024 word pieces."""
    with torch.device("meta"):
        network = model.build("conformer", 1023)
    assert isinstance(network, published.Transducer)
    blocks = network.encoder.blocks
    assert len(blocks) == 16
    for block in blocks:
        assert isinstance(block, published.Block)
        inner = block.before.layers[1]
        assert (inner.in_features, inner.out_features) == (144, 576)
        assert (block.attention.heads, block.attention.each) == (4, 36)
        assert block.convolution.depthwise.kernel_size == (32,)
        assert block.convolution.enter.out_channels == 288
    assert (network.decoder.recurrent.num_layers, network.decoder.recurrent.hidden_size) == (1, 320)
    assert count(network) == 10_319_360
    assert abs(count(network) / 10.3e6 - 1) < 0.02


def test_crnn_is_that_of_table_1() -> None:
    """Shi et al. 2017, table 1 from below: the maps after each convolution and pooling of a picture of 100×32; 8.3 million parameters."""
    with torch.device("meta"):
        network = crnn.build("crnn_full", 36).eval()
        shapes, x = [], torch.zeros(1, 1, 32, 100)
        for layer in network.convolutions:
            x = layer(x)
            if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
                shapes.append(tuple(x.shape[1:]))
    assert shapes == [
        (64, 32, 100), (64, 16, 50), (128, 16, 50), (128, 8, 25), (256, 8, 25), (256, 8, 25), (256, 4, 25),
        (512, 4, 25), (512, 4, 25), (512, 2, 25), (512, 1, 24),
    ]  # fmt: skip
    assert [layer.recurrent.hidden_size for layer in (network.first, network.second)] == [256, 256]
    assert count(network) == 8_330_789
    assert abs(count(network) / 8.3e6 - 1) < 0.02


@pytest.mark.parametrize("name", ["ctc_bigru", "conformer"])
@pytest.mark.long
def test_training_steps_lower_a_speech_recognisers_loss(name: str) -> None:
    torch.manual_seed(3)
    network = model.build(name, 20)
    assert loss_falls(network, [features.log_mel(utterance.wav) for utterance in SMALL.utterances("train")[:4]])


@pytest.mark.parametrize("name", ["crnn", "crnn_full"])
@pytest.mark.long
def test_training_steps_lower_a_text_recognisers_loss(name: str) -> None:
    torch.manual_seed(3)
    assert loss_falls(crnn.build(name, 20), [columns(line.png) for line in SMALL.lines("train")[:4]])


def loss_falls(network: nn.Module, signals: list[np.ndarray[tuple[int, int], np.dtype[np.float32]]]) -> bool:
    batch = padded(signals, [[1, 2, 3], [4, 4], [5], [6, 7]], torch.device("cpu"))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(4):
        optimizer.zero_grad()
        loss = network.loss(*batch)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses[-1] < losses[0]


# The published networks, trained for one step and exported: `export` compares ONNX with torch on real inputs.


@pytest.mark.long
def test_the_conformer_is_exported_and_served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(speech.EFFORTS, ("tiny", "conformer"), Effort(1, 1e-3, 8, 8))
    trained = speech.train(SMALL, "conformer", 7, "tiny", untold)
    encoder, decoder = trained.graphs["encoder"].network, trained.graphs["decoder"].network
    with torch.no_grad():
        decoder.out.bias[0] -= 1.0  # after so little training it would write nothing
        signal = features.log_mel(SMALL.utterances("test")[0].wav)
        encoded = encoder(torch.from_numpy(signal)[None])[0].numpy()
        numbers = greedy(encoded, lambda *given: tuple(x.numpy() for x in decoder(*map(torch.from_numpy, given))), 320)
    key = Key("speech_recognition", "conformer", "w", "tiny", 7, "", "")
    folder = store(key, export(trained), {"serving": dict(trained.serving)}, tmp_path).folder
    said = serve.open_work(folder, {})({"audio": {"wav": SMALL.utterances("test")[0].wav}})["text"]["text"]
    assert said.rstrip(".") == " ".join(text_of(numbers, trained.serving["alphabet"]).split())
    assert len(said) > 1


@pytest.mark.long
def test_crnn_full_is_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(text.EFFORTS, ("tiny", "crnn_full"), Effort(1, 1e-3, 8, 8))
    assert set(export(text.train(SMALL, "crnn_full", 7, "tiny", untold))) == {"model.safetensors", "model.onnx"}


# Trained on synthetic data.


@pytest.mark.parametrize("name", ["cer", "wer"])
@pytest.mark.long
def test_the_small_speech_recogniser_beats_the_most_frequent_transcript(hearing: ModelVersion, name: str) -> None:
    error, gain = hearing.metadata["metrics"][name], hearing.metadata["gains"][f"{name} lower than {speech.BASELINE}"]
    assert error["value"] < 0.5 < hearing.metadata["baselines"][speech.BASELINE][name]["value"]
    assert gain["low"] > 0.2


@pytest.mark.long
def test_the_small_text_recogniser_beats_the_most_frequent_line(reading: ModelVersion) -> None:
    error, gain = reading.metadata["metrics"]["cer"], reading.metadata["gains"][f"cer lower than {text.BASELINE}"]
    assert error["value"] < 0.5 < reading.metadata["baselines"][text.BASELINE]["cer"]["value"]
    assert gain["low"] > 0.2


@pytest.mark.long
def test_what_is_served_has_the_quality_that_was_measured(hearing: ModelVersion, reading: ModelVersion, world: TranslationWorld) -> None:
    hear, read = serve.open_work(hearing.folder, {}), serve_text.open_work(reading.folder, {})
    said = [hear({"audio": {"wav": utterance.wav}})["text"]["text"] for utterance in world.utterances("test")]
    heard = character_counts(
        [features.spelling(utterance.text) for utterance in world.utterances("test")], [features.spelling(words) for words in said]
    )
    assert heard.rate == pytest.approx(hearing.metadata["metrics"]["cer"]["value"], abs=2e-3)
    shown = [read({"image": {"png": line.png}})["text"]["text"] for line in world.lines("test")]
    seen = character_counts([line.text for line in world.lines("test")], shown)
    assert seen.rate == pytest.approx(reading.metadata["metrics"]["cer"]["value"], abs=2e-3)


@pytest.mark.long
def test_baselines_and_random_answers_are_texts(hearing: ModelVersion, reading: ModelVersion, world: TranslationWorld) -> None:
    first, second = ({"audio": {"wav": utterance.wav}} for utterance in world.utterances("test")[:2])
    baseline, chance = serve.open_baseline(hearing.folder, {}), serve.open_random(hearing.folder, {})
    assert (
        baseline(first)
        == baseline(second)
        == {"text": {"text": most_frequent([utterance.text for utterance in world.utterances("train")])}}
    )
    assert chance(first) == chance(first) != chance(second)
    first, second = ({"image": {"png": line.png}} for line in world.lines("test")[:2])
    baseline, chance = serve_text.open_baseline(reading.folder, {}), serve_text.open_random(reading.folder, {})
    assert baseline(first) == baseline(second) == {"text": {"text": most_frequent([line.text for line in world.lines("train")])}}
    assert chance(first) == chance(first) != chance(second)


@pytest.mark.long
def test_training_is_the_same_for_the_same_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(speech.EFFORTS, ("tiny", "ctc_bigru"), replace(speech.EFFORTS["tiny", "ctc_bigru"], epochs=1, examples=8))
    first, again = (speech.train(SMALL, "ctc_bigru", 7, "tiny", untold) for _ in range(2))
    for name, value in first.graphs["model"].network.state_dict().items():
        assert torch.equal(value, again.graphs["model"].network.state_dict()[name])


@pytest.mark.parametrize("name", ["speech_recognition", "text_recognition"])
def test_the_library_names_a_small_and_a_full_model(name: str) -> None:
    spec = component(name)
    assert spec is not None
    assert spec.implemented
    assert [model.profile.value for model in spec.models] == ["small", "full"]
    assert spec.baseline == "most_frequent"


# On a machine with time: the real world, the small models' quality targets, over three seeds.


@pytest.mark.nightly
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("name", "chosen", "bound"), [("speech_recognition", "ctc_bigru", 0.5), ("text_recognition", "crnn", 0.1)])
def test_three_seeds_beat_the_baseline_on_real_data(name: str, chosen: str, bound: float) -> None:
    real = translation.WORLDS.load("real")
    for seed in (7, 8, 9):
        metadata = train_task(name, chosen, real, seed, "small").metadata
        assert metadata["metrics"]["cer"]["value"] < bound
        assert all(gain["low"] > 0 for gain in metadata["gains"].values())
