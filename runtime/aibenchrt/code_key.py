"""The key of the code that makes something: a hash over a module and all modules of this package that it imports, directly or not.

A cache whose entries are named with such a key never takes what older code made for today's. The hash is of the syntax tree without
docstrings, comments and layout, so that an edit of prose changes no key.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

_PACKAGE = "aibenchrt"
_HOME = Path(__file__).resolve().parent

# Not followed: what starts, reports or shows progress decides nothing about what is made; declarations of components are part of a plan.
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

    FileNotFoundError: a root is no module of the package.
    """
    digest = hashlib.sha256()
    for module in reachable(roots, package):
        digest.update(module.encode() + b"\0" + _read(_file(module, package))[0].encode() + b"\0")
    return digest.hexdigest()[:16]


def reachable(roots: Iterable[str], package: Path = _HOME) -> tuple[str, ...]:
    """The names of these modules and of all that they import, sorted; imports for type checkers alone do not count."""
    modules: set[str] = set()
    pending = list(roots)
    for root in pending:
        if not _file(root, package).is_file():
            raise FileNotFoundError(f"{root} is no module of {package}")
    while pending:
        module = pending.pop()
        if module in modules:
            continue
        modules.add(module)
        for name in _read(_file(module, package))[1]:
            pending += [part for part in _modules(name, package) if part not in modules and not _left_out(part)]
    return tuple(sorted(modules))


def _left_out(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in NOT_FOLLOWED)


def _file(module: str, package: Path) -> Path:
    path = package.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _modules(name: str, package: Path) -> Iterator[str]:
    """The modules that `name` stands for: itself and its packages, where it names a module; else (a definition) none."""
    parts = name.split(".")
    for length in range(2, len(parts) + 1):
        module = ".".join(parts[:length])
        if _file(module, package).is_file():
            yield module


def _read(path: Path) -> tuple[str, tuple[str, ...]]:
    status = path.stat()
    return _parsed(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=1024)
def _parsed(path: Path, _changed_ns: int, _size: int) -> tuple[str, tuple[str, ...]]:
    """The module's syntax tree as text, and the dotted names of this package that it imports."""
    tree = ast.parse(path.read_bytes())
    names = tuple(_imports([tree]))
    return ast.dump(_without_docstrings(tree)), names


def _imports(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.If) and _for_type_checkers(node.test):
            yield from _imports(node.orelse)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0 and (node.module or "").split(".")[0] == _PACKAGE:
                yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] == _PACKAGE)
        else:
            yield from _imports(ast.iter_child_nodes(node))


def _for_type_checkers(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING")


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:]
    return tree
