"""The key of the code that makes something: a hash over a module and what it imports, of aibenchrt and its own package.

A cache whose entries are named with such a key never takes what older code made for today's. The hash is of the syntax tree without
docstrings, comments and layout, so that an edit of prose changes no key.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

_PACKAGE = "aibenchrt"
_HOME = Path(__file__).resolve().parent

# Imports of these are not followed: control, reports and progress do not affect what is made; the plan holds the components' declarations.
NOT_FOLLOWED = (
    "aibenchrt.catalog",
    "aibenchrt.collect",
    "aibenchrt.component",
    "aibenchrt.control",
    "aibenchrt.errors",
    "aibenchrt.experiments",
    "aibenchrt.home",
    "aibenchrt.progress",
    "aibenchrt.report",
    "aibenchrt.train.repository",
)


def code_key(roots: Iterable[str], package: Path = _HOME) -> str:
    """16 hexadecimal digits for the code of these modules ('aibenchrt.metrics') and of what they import. package: the folder of aibenchrt.

    Imports are followed in aibenchrt and in the roots' own packages. FileNotFoundError: a root is no module.
    """
    roots = tuple(roots)
    folders = _folders(roots, package)
    digest = hashlib.sha256()
    for module in reachable(roots, package):
        digest.update(module.encode() + b"\0" + _read(module, _file(module, folders))[0].encode() + b"\0")
    return digest.hexdigest()[:16]


def reachable(roots: Iterable[str], package: Path = _HOME) -> tuple[str, ...]:
    """The names of these modules and of all that they import, sorted; imports for type checkers alone do not count."""
    modules: set[str] = set()
    pending = list(roots)
    folders = _folders(pending, package)
    for root in pending:
        if not _file(root, folders).is_file():
            raise FileNotFoundError(f"there is no module {root}")
    while pending:
        module = pending.pop()
        if module in modules:
            continue
        modules.add(module)
        for name in _read(module, _file(module, folders))[1]:
            pending += [part for part in _modules(name, folders) if part not in modules and not _left_out(part)]
    return tuple(sorted(modules))


def _folders(roots: Iterable[str], package: Path) -> dict[str, Path]:
    """Top-level package → its folder, or its one file: aibenchrt and those of the roots."""
    folders = {_PACKAGE: package}
    for top in dict.fromkeys(root.partition(".")[0] for root in roots):
        if top not in folders:
            spec = importlib.util.find_spec(top)
            places = list(spec.submodule_search_locations or ()) if spec is not None else []
            folders[top] = Path(places[0]) if places else Path((spec.origin if spec else None) or f"{top}.py")
    return folders


def _left_out(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in NOT_FOLLOWED)


def _file(module: str, folders: Mapping[str, Path]) -> Path:
    top, *parts = module.split(".")
    path = folders[top].joinpath(*parts)
    return path / "__init__.py" if path.is_dir() else path if path.is_file() else path.with_suffix(".py")


def _modules(name: str, folders: Mapping[str, Path]) -> Iterator[str]:
    """The modules that `name` stands for: itself and its packages, where it names a module; else (a definition) none."""
    parts = name.split(".")
    if parts[0] not in folders:
        return
    for length in range(2, len(parts) + 1):
        module = ".".join(parts[:length])
        if _file(module, folders).is_file():
            yield module


def _read(module: str, path: Path) -> tuple[str, tuple[str, ...]]:
    status = path.stat()
    return _parsed(module, path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=1024)
def _parsed(module: str, path: Path, _changed_ns: int, _size: int) -> tuple[str, tuple[str, ...]]:
    """The module's syntax tree as text, and the dotted names that it imports."""
    tree = ast.parse(path.read_bytes())
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    names = tuple(_imports([tree], package))
    return ast.dump(_without_docstrings(tree)), names


def _imports(nodes: Iterable[ast.AST], package: Sequence[str]) -> Iterator[str]:
    """package: the parts of the name of the package that the module is in, which relative imports start from."""
    for node in nodes:
        if isinstance(node, ast.If) and _for_type_checkers(node.test):
            yield from _imports(node.orelse, package)
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1]] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{origin}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        else:
            yield from _imports(ast.iter_child_nodes(node), package)


def _for_type_checkers(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING")


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:]
    return tree
