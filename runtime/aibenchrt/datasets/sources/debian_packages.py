"""Debian's packages as texts: name, source, section, one-line synopsis and long English description, through apt's own indexes.

The indexes are fetched once, into lists of our own (no root is needed, the system's lists stay as they are), verified by apt against
the signed release, and kept as one file under home()/downloads; that snapshot stays until the file is deleted. Other snapshots have
other texts: a world made from one names it in its provenance, and figures measured on another are not comparable.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

from aibenchrt.datasets.sources.fetch import write_atomically
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.home import disk_guard, home, locked
from aibenchrt.progress import Progress, silent

LICENCE = "each package's own free licence (Debian Free Software Guidelines); fetched, not redistributed"
_CAT = Path("/usr/lib/apt/apt-helper")  # reads an index in whatever way apt compressed it
RECORDED = "8ab390df3da4"  # the snapshot (bookworm 12.15) on which the figures in the READMEs were measured
_INDEXES = ("Packages", "Translations")


@dataclass(frozen=True)
class DebianPackage:
    """text: the long description, one line a paragraph or list entry. source: the source package that it is built from."""

    name: str
    source: str
    section: str
    synopsis: str
    text: str


@dataclass(frozen=True)
class Snapshot:
    """release: "bookworm 12.15"; sha256: of the indexes' content. packages: those with an English description, by name."""

    release: str
    sha256: str
    packages: tuple[DebianPackage, ...]

    @property
    def said(self) -> str:
        """The name of this snapshot, for provenance."""
        changed = "" if self.sha256.startswith(RECORDED) else ": upstream changed, qualities are not comparable with the recorded ones"
        return f"Debian {self.release}, package indexes {self.sha256[:12]}{changed}, through apt"


def load_packages(progress: Progress = silent) -> Snapshot:
    """The snapshot kept here, fetched first if there is none.

    EnvironmentFailure AIB604: what was kept is corrupted; AIB605: disk full; AIB610: no apt, no network, or no Debian sources.
    """
    kept = home() / "downloads" / "debian-packages" / "packages.json.gz"
    with disk_guard(kept), locked(kept.with_name("packages.lock")):
        if not kept.is_file():
            progress("fetching Debian's package indexes", 0.0)
            write_atomically(kept, _encoded(_fetched(kept.parent / "apt")))
            shutil.rmtree(kept.parent / "apt", ignore_errors=True)
        snapshot = _decoded(kept)
    progress(snapshot.said, 1.0)
    return snapshot


def _encoded(snapshot: Snapshot) -> bytes:
    rows = [astuple(package) for package in snapshot.packages]
    content = json.dumps([snapshot.release, snapshot.sha256, rows], ensure_ascii=False).encode()
    return gzip.compress(content, compresslevel=6, mtime=0)


def _decoded(path: Path) -> Snapshot:
    try:
        release, sha256, rows = json.loads(gzip.decompress(path.read_bytes()))
    except (gzip.BadGzipFile, EOFError, ValueError) as error:
        raise EnvironmentFailure(
            "AIB604", what=f"'{path.name}'", reason=error, way_out=f"delete '{path}' and run the command again, which fetches it again"
        ) from error
    return Snapshot(release, sha256, tuple(DebianPackage(*row) for row in rows))


def _fetched(folder: Path) -> Snapshot:
    """Updates lists of our own in `folder` and joins the two indexes of Debian's main component."""
    if shutil.which("apt-get") is None or not _CAT.is_file():
        raise EnvironmentFailure("AIB610", what="an index of Debian's packages", reason="it needs apt-get, which is not installed")
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    settings = (
        "Acquire::Languages=en",
        f"Dir::State={folder}/state",
        "Dir::State::status=/var/lib/dpkg/status",
        f"Dir::Cache={folder}/cache",
    )
    options = ["-q", "-o", "APT::Sandbox::User=root", *(word for setting in settings for word in ("-o", setting))]
    said = _run("apt-get", *options, "update")
    targets = _run(
        "apt-get", *options, "indextargets", "--format", "$(CREATED_BY)|$(ORIGIN)|$(COMPONENT)|$(CODENAME)|$(VERSION)|$(FILENAME)"
    )
    texts: dict[str, str] = {}
    release = ""
    for line in targets.splitlines():
        kind, origin, component, codename, version, path = line.split("|")
        plain = origin == "Debian" and component == "main" and "-" not in codename  # not its updates: they change every week
        if plain and kind in _INDEXES and kind not in texts and Path(path).is_file():
            texts[kind], release = _run(str(_CAT), "cat-file", path), f"{codename} {version}"
    if len(texts) < len(_INDEXES):
        last = next(iter(reversed(said.splitlines())), "no message")
        raise EnvironmentFailure("AIB610", what="an index of Debian's packages with English descriptions", reason=f"apt has none: {last}")
    digest = hashlib.sha256("\0".join(texts[kind] for kind in _INDEXES).encode()).hexdigest()
    return Snapshot(release, digest, tuple(_joined(texts["Packages"], texts["Translations"])))


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode == 0:
        return done.stdout.decode()
    said = (done.stderr or done.stdout).decode(errors="replace").strip()
    if "No space left on device" in said:
        raise EnvironmentFailure(
            "AIB605",
            what="apt's indexes",
            reason="no space left on the disk",
            way_out="free some space, or move AIBENCH_HOME elsewhere",
        )
    last = said.splitlines()[-1] if said else "no message"
    raise EnvironmentFailure("AIB610", what="an index of Debian's packages", reason=f"{Path(command[0]).name} said: {last}")


def _joined(packages: str, translations: str) -> Iterator[DebianPackage]:
    """Packages that have a description, in order of their names; one of each name."""
    described = {(entry["Package"], entry["Description-md5"]): entry["Description-en"] for entry in entries(translations)}
    seen = {}
    for entry in entries(packages):
        name = entry["Package"]
        description = described.get((name, entry.get("Description-md5", "")))
        if description is not None and name not in seen:
            synopsis, _, long = description.partition("\n")
            source = entry.get("Source", name).partition(" ")[0]
            section = entry.get("Section", "").rpartition("/")[2]
            seen[name] = DebianPackage(name, source, section, synopsis.strip(), unfolded(long))
    return iter(seen[name] for name in sorted(seen))


def entries(index: str) -> Iterator[dict[str, str]]:
    """The stanzas of an index (deb822): field → value; lines after the first keep their line breaks and lose their first space."""
    for stanza in index.split("\n\n"):
        entry: dict[str, str] = {}
        field = ""
        for line in stanza.split("\n"):
            if line.startswith((" ", "\t")):
                entry[field] += "\n" + line[1:]
            elif line:
                field, _, value = line.partition(":")
                entry[field] = value.strip()
        if entry:
            yield entry


def unfolded(long: str) -> str:
    """A long description with one line a paragraph or list entry (Debian Policy 5.6.13: lines of a paragraph are folded)."""
    lines: list[str] = []
    fresh = True
    for line in long.split("\n"):
        bare = line.strip()
        if bare in ("", "."):
            fresh = True
        elif fresh or (line.startswith((" ", "\t")) and bare[:1] in "*-+o•·"):
            lines.append(bare)
            fresh = False
        else:
            lines[-1] += " " + bare
    return "\n".join(lines)


# Topic → Debian's sections. Its place is its label: topic k is visited as department k of departments.CATEGORIES is rated.
TOPICS: dict[str, tuple[str, ...]] = {
    "media": ("games", "sound", "video", "graphics"),
    "documents": ("text", "doc", "tex", "editors", "localization"),
    "desktop": ("x11", "gnome", "kde", "xfce", "gnustep", "fonts"),
    "network": ("net", "mail", "comm", "hamradio", "news", "httpd"),
    "science": ("science", "math", "gnu-r", "electronics", "education"),
    "libraries": ("libs", "libdevel", "introspection", "database"),
    "web": ("javascript", "web", "php", "zope", "ruby"),
    "administration": ("admin", "utils", "kernel", "shells", "otherosfs", "embedded", "misc"),
    "development": ("devel", "vcs", "java", "golang", "rust", "haskell", "ocaml", "lisp", "interpreters", "cli-mono"),
    "scripting": ("python", "perl"),
}


_TOPIC_OF = {section: label for label, sections in enumerate(TOPICS.values()) for section in sections}
SHORTEST, LEAST_SAID = 15, 3  # words of a text that is a page or an article, and of its synopsis
HELD_OUT, CHOOSING = 0.30, 0.04  # shares of the sources whose texts are test and validation


@dataclass(frozen=True)
class Leaf:
    """A text that may become a page or an article. group: texts of one group are alike, and of one split."""

    group: str
    topic: int
    title: str
    synopsis: str
    text: str

    @property
    def split(self) -> str:
        """By the hash of the group, so that it does not move when other texts come or go."""
        place = int.from_bytes(hashlib.sha256(self.group.encode()).digest()[:4], "big") / 2**32
        return "test" if place < HELD_OUT else "validation" if place < HELD_OUT + CHOOSING else "train"


def leaves_of(packages: Iterable[DebianPackage]) -> tuple[Leaf, ...]:
    """The packages with something to say in a topic's section; of several with the same text the first."""
    leaves: dict[str, Leaf] = {}
    for package in packages:
        topic = _TOPIC_OF.get(package.section)
        long_enough = len(package.text.split()) >= SHORTEST and len(package.synopsis.split()) >= LEAST_SAID
        if topic is not None and long_enough and package.text not in leaves:
            leaves[package.text] = Leaf(package.source, topic, package.name, package.synopsis, package.text)
    return tuple(leaves.values())
