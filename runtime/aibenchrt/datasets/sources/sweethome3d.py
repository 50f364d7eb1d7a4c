"""Models of furniture with pictures: Debian's `sweethome3d-furniture`, catalogues of the interior design program Sweet Home 3D.

The models are by Scopia, Kator Legaz and contributors of Blend Swap, CC-BY 3.0 or CC0, as each model's own record says. The catalogues'
categories are rooms; what a thing is, its name says (NOUNS).
"""

from __future__ import annotations

import hashlib
import io
import posixpath
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aibenchrt.datasets.rasteriser import Solid
from aibenchrt.datasets.sources.fetch import Package, PackageFile, fetch
from aibenchrt.datasets.sources.furniture_model import FurnitureModel
from aibenchrt.datasets.sources.wavefront import load_solid
from aibenchrt.progress import Progress, silent

_FOLDER = "usr/share/sweethome3d/furniture"
PACKAGE = Package(
    client="apt",
    name="sweethome3d-furniture",
    version="1.8-1",
    files=(
        PackageFile(f"{_FOLDER}/BlendSwap-CC-0.sh3f", "7ef093fe70cedbb160bdb532d86a84580459635e34130c16777f549eba1993dc"),
        PackageFile(f"{_FOLDER}/BlendSwap-CC-BY.sh3f", "29ae78937b4d5dbe93db74067817a984fa411f017b007fd666bc40368bdb0c83"),
        PackageFile(f"{_FOLDER}/KatorLegaz.sh3f", "f512443b5d3a6903497573095f971f44334b3165ab32182133051fa9487764a6"),
        PackageFile(f"{_FOLDER}/Scopia.sh3f", "b4505451b1e8ab339c101c0afddfef4e1a07b95aa8c821c61ec41487afd43850"),
    ),
)
LICENCE = "CC-BY 3.0 and CC0, by model, with the author's name in its record"
_LICENCES = {
    "BlendSwap-CC-0.sh3f": "CC0 1.0",
    "BlendSwap-CC-BY.sh3f": "CC-BY 3.0",
    "KatorLegaz.sh3f": "CC-BY 3.0 US",
    "Scopia.sh3f": "CC-BY 3.0",
}
LARGEST = 2_500_000  # bytes of an OBJ file; larger ones, one in thirteen, take as long to draw as the others together

# Noun → words of a name that make it one; the first noun with such a word counts.
NOUNS: Mapping[str, str] = {
    "stool": "stool bench ottoman puff bank",
    "vehicle": "bicycle bike motorbike scooter truck van bus sedan suv car chevrolet focus scenic beetle leon peugeot biplane rowboat "
    "tricycle lift yamaha",
    "appliance": "fridge refrigerator freezer oven cooker cooktop stove washing dryer microwave toaster mixer boiler heater brewer maker "
    "machine hood furnace fryer kettle radiator fan",
    "chair": "armchair chair seat",
    "sofa": "sofa couch futon",
    "lamp": "lamp light lights lamppost spotlight flashlight candle chandelier",
    "bed": "bed crib",
    "table": "table desk workbench",
    "cabinet": "cabinet cupboard wardrobe dresser chest drawers vanity locker safe stand",
    "shelf": "bookcase shelves rack",
    "door": "door",
    "window": "window",
    "plant": "plant tree bonsai cactus ficus pine cypress hedge palm poplar tulips orchids lily yucca bamboo",
    "basin": "washbasin sink lavatory bath bathtub jacuzzi bidet toilets urinal basin",
    "vessel": "bottle glass cup mug bowl plate vase jar pot teapot flacon pan creamer pottery barrel",
    "device": "tv ibook imac iphone laptop tablet phone radio speaker stereo camera keyboard screen printer dvd playstation projector "
    "amplifier intercom",
}
# Names whose words mislead, and parts of things.
_NOT_MEANT = (
    "Abdominal bench", "Cup cake", "Glasses", "Indoor bike", "Island", "Knife stand", "Piano bench", "Plate, glass and cutlery",
    "Plate, glasses and cutlery", "Shower head and faucet", "Table tennis bat", "TV remote control", "Barbecue",
)  # fmt: skip

# Material → what its names and textures' names contain.
MATERIALS: Mapping[str, str] = {
    "wooden": "wood|oak|pine|teak|madera|bois|walnut|beech|cherry|bamboo",
    "leather": "leather",
    "fabric": "fabric|cloth|textile|cotton|tissu|tela|cushion|pillow|mattress",
    "glass": "glass|cristal|verre|mirror",
    "ceramic": "ceramic|porcel",
    "metal": "metal|chrome|steel|alu|iron|gold|brass|inox",
    "plastic": "plastic|plastico",
}
LEAST = 0.35  # the share of the surface of known material that the commonest one must have to be named


def load_models(progress: Progress = silent) -> Iterator[FurnitureModel]:
    """The models that have a noun, in order of the catalogues, each distinct model once. EnvironmentFailure: as for `fetch`."""
    known: set[str] = set()
    for name, path in fetch(PACKAGE, progress).items():
        with zipfile.ZipFile(path) as archive:
            files = {file.filename: file.file_size for file in archive.infolist()}
            for record in _records(archive.read("PluginFurnitureCatalog.properties").decode("latin-1")):
                noun, place = noun_of(record["name"]), record["model"].lstrip("/")
                if noun and files[place] <= LARGEST:
                    obj = archive.read(place)
                    content = hashlib.sha256(obj).hexdigest()
                    if content not in known:
                        known.add(content)
                        yield _model(archive, record, noun, obj, _LICENCES[name])


def noun_of(name: str) -> str:
    """The noun that a catalogue's name stands for: 'Oak chair' → 'chair'; '' for none."""
    words = set(re.findall(r"[a-z0-9]+", name.lower()))
    if name in _NOT_MEANT:
        return ""
    return next((noun for noun, told in NOUNS.items() if words & set(told.split())), "")


def _records(properties: str) -> list[dict[str, str]]:
    """The entries of a catalogue, in order of their numbers: 'name#3=Bed' is the name of the third."""
    records: dict[int, dict[str, str]] = {}
    for key, number, value in re.findall(r"^(\w+)#(\d+)=(.*)$", properties, re.MULTILINE):
        records.setdefault(int(number), {})[key] = value.strip()
    return [records[number] for number in sorted(records)]


def _model(archive: zipfile.ZipFile, record: Mapping[str, str], noun: str, obj: bytes, licence: str) -> FurnitureModel:
    folder = posixpath.dirname(record["model"].lstrip("/"))
    solid, names = load_solid(obj, lambda name: archive.read(posixpath.join(folder, name.replace("\\", "/"))))
    placed = _as_placed(solid, record)
    picture = _rgba(archive.read(record["icon"].lstrip("/")))
    return FurnitureModel(record["id"], record["name"], noun, material_of(placed, names), licence, record["creator"], placed, picture)


def _as_placed(solid: Solid, record: Mapping[str, str]) -> Solid:
    """The solid turned and stretched as the catalogue says (modelRotation: a matrix by rows; width, height, depth)."""
    x, y, z = solid.points[:, 0], solid.points[:, 1], solid.points[:, 2]
    matrix = [float(number) for number in record.get("modelRotation", "1 0 0 0 1 0 0 0 1").split()]
    points = np.stack([matrix[k] * x + matrix[k + 1] * y + matrix[k + 2] * z for k in (0, 3, 6)], axis=1)
    used = points[np.unique(solid.corners)]
    extent = np.maximum(used.max(0) - used.min(0), 1e-9)
    wanted = np.array([float(record[side]) for side in ("width", "height", "depth")])
    points = (points - used.min(0)) * (wanted / extent)
    # What no face uses must not enlarge the box.
    return replace(solid, points=np.clip(points, 0.0, wanted))


def material_of(solid: Solid, names: tuple[str, ...]) -> str:
    """The commonest material by area, of those that the surfaces' names tell; '' if none prevails."""
    told: dict[str, float] = {}
    areas = np.bincount(solid.surface, weights=solid.areas(), minlength=len(names))
    for name, area in zip(names, areas, strict=True):
        found = next((material for material, words in MATERIALS.items() if re.search(words, name.lower())), "")
        told[found] = told.get(found, 0.0) + float(area)
    best = max(told, key=lambda material: (material != "", told[material]))
    return best if told[best] >= LEAST * sum(told.values()) else ""


def _rgba(picture: bytes) -> NDArray[np.uint8]:
    """A catalogue's picture with its alpha channel."""
    with Image.open(io.BytesIO(picture)) as opened:
        return np.asarray(opened.convert("RGBA"), dtype=np.uint8)
