"""Keys of code: an edit of anything that a builder reaches changes its key, an edit of anything else or of prose does not."""

from __future__ import annotations

import ast
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import aibenchrt
import pytest
from aibenchrt.code_key import NOT_FOLLOWED, code_key, reachable

PACKAGE = Path(aibenchrt.__file__).parent
WORLDS = [f"aibenchrt.datasets.{path.parent.name}.dataset" for path in sorted(PACKAGE.glob("datasets/*/dataset.py"))]
BUILDERS = [
    *WORLDS,
    *(f"aibenchrt.components.{path.parent.name}.{path.stem}" for path in sorted(PACKAGE.glob("components/*/service.py"))),
    *(f"aibenchrt.components.{path.parent.name}.{path.stem}" for path in sorted(PACKAGE.glob("components/*/train.py"))),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's sources, to be edited."""
    target = tmp_path_factory.mktemp("copy") / "aibenchrt"
    shutil.copytree(PACKAGE, target, ignore=shutil.ignore_patterns("__pycache__", "*.md"))
    return target


def path_of(package: Path, module: str) -> Path:
    path = package.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def modules(package: Path) -> list[str]:
    names = (path.relative_to(package.parent).with_suffix("").parts for path in package.rglob("*.py"))
    return sorted(".".join(parts[:-1] if parts[-1] == "__init__" else parts) for parts in names)


def keys(package: Path) -> dict[str, str]:
    return {builder: code_key([builder], package) for builder in BUILDERS}


@contextmanager
def edited(package: Path, names: Iterable[str]) -> Iterator[None]:
    """These modules hold one assignment more until the block is left; then they are as before, the time of their last change too."""
    with ExitStack() as restored:
        for path in (path_of(package, name) for name in names):
            text, status = path.read_text(), path.stat()
            restored.callback(os.utime, path, ns=(status.st_atime_ns, status.st_mtime_ns))
            restored.callback(path.write_text, text)
            path.write_text(f"{text}\n_EDITED = 1\n")
        yield


@pytest.mark.parametrize(
    "nth", [pytest.param(1, marks=pytest.mark.long, id="every module"), pytest.param(32, id="every thirty-second module")]
)
def test_a_module_that_a_builder_reaches_changes_its_key_and_no_other(copy: Path, nth: int) -> None:
    before = keys(copy)
    reach = {builder: set(reachable([builder], copy)) for builder in BUILDERS}
    editable = set(modules(copy)) - {"aibenchrt"}  # the package itself: empty, and imported by whatever imports any of it
    for module in sorted(editable)[::nth]:
        with edited(copy, [module]):
            unchanged = [builder for builder in BUILDERS if module in reach[builder] and code_key([builder], copy) == before[builder]]
        assert not unchanged, module
    for builder in BUILDERS:
        with edited(copy, editable - reach[builder]):
            assert code_key([builder], copy) == before[builder], builder
    assert keys(copy) == before


def test_an_edit_of_prose_or_layout_changes_no_key(copy: Path) -> None:
    before = keys(copy)
    texts = {path: path.read_text() for path in copy.rglob("*.py")}
    for path, text in texts.items():
        tree = ast.parse(text)
        path.write_text(f"# a comment\n{ast.unparse(_with_other_docstrings(tree))}\n")
    after = keys(copy)
    for path, text in texts.items():
        path.write_text(text)
    assert after == before


def _with_other_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
            node.body[0] = ast.Expr(ast.Constant("Something else."))
    return tree


@pytest.mark.parametrize("world", ["movielens_shop", "news", "web_pages"])
def test_genres_are_part_of_every_world_of_users_and_items(world: str) -> None:
    """GENRE_WORDS decides how items are described: once an edit left the keys of news and web_pages as they were."""
    assert "aibenchrt.datasets.sources.departments" in reachable([f"aibenchrt.datasets.{world}.dataset"])


def test_what_runs_and_reports_is_not_followed() -> None:
    everything = set(reachable(BUILDERS))
    assert not [module for module in everything if f"{module}.".startswith(tuple(f"{name}." for name in NOT_FOLLOWED))]


def test_an_import_for_type_checkers_alone_does_not_count(tmp_path: Path) -> None:
    package = tmp_path / "aibenchrt"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from aibenchrt.b import B\nelse:\n    import aibenchrt.c\n"
    )
    for name in "bc":
        (package / f"{name}.py").write_text("B = 1\n")
    assert reachable(["aibenchrt.a"], package) == ("aibenchrt.a", "aibenchrt.c")


def test_a_root_that_is_no_module_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"aibenchrt\.nowhere"):
        code_key(["aibenchrt.nowhere"], tmp_path)
