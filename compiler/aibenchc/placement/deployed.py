"""What is deployed: each host's /var/lib/aibench/<scenario>/deployed.json, fetched with `ansible`, or read from a folder."""

from __future__ import annotations

import base64
import binascii
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from aibenchrt.deployment import Deployed
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.input_file import InputFileError, json_document, read_bytes
from aibenchrt.json_file import MOST_BYTES, JsonFileError, parse_json

from aibenchc.placement.ansible_tool import run_tool

STATE = "/var/lib/aibench"
FILE = "deployed.json"
LONGEST_S = 300.0
SHOWN_HOSTS = 3


def fetch(inventory: Path, scenario: str, hosts: Iterable[str], trusted: bool = False) -> dict[str, Deployed | None]:
    """Host → what it holds, None where nothing of the scenario is deployed. Other hosts of the inventory are included if they hold any of
    it. trusted: as read_inventory.

    EnvironmentFailure AIB601: ansible-core is not installed; AIB619: a host cannot be asked; AIB685: its answer cannot be read.
    """
    path = f"{STATE}/{scenario}/{FILE}"
    with tempfile.TemporaryDirectory(prefix="aibenchc-") as folder:
        words = ["all", "-i", str(inventory.absolute()), "--become", "--tree", folder]
        words += ["-m", "ansible.builtin.slurp", "-a", f"src={path}"]
        try:
            ended = run_tool("ansible", words, LONGEST_S, trusted)
        except subprocess.TimeoutExpired as late:
            raise EnvironmentFailure("AIB619", reason=f"the hosts did not answer within {LONGEST_S:g} s") from late
        answers = {file.name: read_json(_content(file, file.name), file.name) for file in Path(folder).iterdir()}
    holdings: dict[str, Deployed | None] = {}
    refused = {}
    for host in hosts:
        answer = answers.get(host)
        content = answered(answer, host) if answer is not None else f"no answer; {ended.stderr.strip()[:200] or 'ansible said nothing'}"
        if isinstance(content, str):
            refused[host] = content
        else:
            holdings[host] = read(content, host) if content else None
    for host in sorted(answers.keys() - holdings.keys() - refused.keys()):
        content = answered(answers[host], host)
        if isinstance(content, bytes) and content:
            holdings[host] = read(content, host)
    if refused:
        listed = "; ".join(f"{host}: {why}" for host, why in list(refused.items())[:SHOWN_HOSTS])
        listed += f"; and {len(refused) - SHOWN_HOSTS} hosts more" if len(refused) > SHOWN_HOSTS else ""
        raise EnvironmentFailure("AIB619", reason=listed)
    return holdings


def answered(answer: Mapping[str, Any], host: str) -> bytes | str:
    """The file's bytes, empty where there is no such file; or, as text, why the host did not answer."""
    if "content" in answer:
        try:
            return base64.b64decode(str(answer["content"]), validate=True)
        except binascii.Error:
            return f"{host} sent something that is not base64"
    said = str(answer.get("msg", "it failed"))
    return b"" if "file not found" in said.lower() and not answer.get("unreachable") else said.strip().replace("\n", " ")[:300]


def in_folder(folder: Path, hosts: Iterable[str]) -> dict[str, Deployed | None]:
    """From <folder>/<host>.json, for the given hosts and any other that has a file there. EnvironmentFailure AIB685, AIB690."""
    if not folder.is_dir():
        raise EnvironmentFailure("AIB690", folder=folder)
    files = {path.stem: path for path in sorted(folder.glob("*.json"))}
    names = dict.fromkeys((*hosts, *files))
    return {host: read(_content(files[host], host), host) if host in files else None for host in names}


def _content(path: Path, host: str) -> bytes:
    try:
        return read_bytes(path, MOST_BYTES)
    except InputFileError as error:
        raise EnvironmentFailure("AIB685", what=f"{FILE} of '{host}'", reason=error) from error


def read(content: bytes, host: str) -> Deployed:
    try:
        return parse_json(content, Deployed)
    except JsonFileError as error:
        raise EnvironmentFailure("AIB685", what=f"{FILE} of '{host}'", reason=error) from error


def read_json(content: bytes, host: str) -> Mapping[str, Any]:
    try:
        document = json_document(content)
    except InputFileError as error:
        raise EnvironmentFailure("AIB685", what=f"ansible's answer of '{host}'", reason=error) from error
    return document if isinstance(document, dict) else {}


def shipped(folder: Path) -> dict[str, str]:
    """Archives of a shipment: name → name with its content hash. EnvironmentFailure AIB686: the folder holds no shipment."""
    try:
        archives = json_document(read_bytes(folder / "shipment.json", MOST_BYTES))["aibench_archives"]
        return {str(name): str(archive) for name, archive in archives.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EnvironmentFailure("AIB686", folder=folder) from error
