"""What an inventory may hold that is data: nothing in it may run a program on this machine, when it is read or when the hosts are reached.

Everything else needs --trust-inventory, by which somebody says that the inventory is theirs to run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aibenchrt.input_file import MIB, read_bytes

MOST_BYTES = 16 * MIB
CONNECTIONS = ("ssh", "smart", "ansible.builtin.ssh")
HERE = ("localhost", "127.0.0.1", "::1")  # Ansible takes a host of these names for this machine
_PROGRAMS = re.compile(r"ansible_(ssh|scp|sftp)_executable|ansible_ssh_pkcs11_provider")
_PROGRAMS_HERE = re.compile(r"ansible_\w*(_interpreter|_executable|_exe|_flags|_args)")
_SSH_ARGUMENTS = re.compile(r"ansible_(ssh|sftp|scp)(_common|_extra)?_args")
_TEMPLATE = re.compile(r"\{\{|\{%")
# Options of ssh that name no program, library or configuration file.
_OPTIONS = (
    "addressfamily", "batchmode", "bindaddress", "bindinterface", "casignaturealgorithms", "certificatefile", "checkhostip", "ciphers",
    "compression", "connectionattempts", "connecttimeout", "controlmaster", "controlpath", "controlpersist", "globalknownhostsfile",
    "gssapiauthentication", "hashknownhosts", "hostkeyalgorithms", "hostkeyalias", "hostname", "identitiesonly", "identityfile", "ipqos",
    "kbdinteractiveauthentication", "kexalgorithms", "loglevel", "macs", "passwordauthentication", "port", "preferredauthentications",
    "proxyjump", "pubkeyacceptedalgorithms", "pubkeyauthentication", "serveralivecountmax", "serveraliveinterval",
    "stricthostkeychecking", "tcpkeepalive", "user", "userknownhostsfile", "verifyhostkeydns",
)  # fmt: skip
_FLAGS = re.compile(r"-(4|6|C|q|v{1,3})")
_WITH_VALUE = ("-J", "-i", "-l", "-p", "-c", "-m", "-B", "-b")


def runs_when_read(path: Path) -> str:
    """Why Ansible would run something to read this file, or '' if it is data. InputFileError: it is no regular file, or too large."""
    content = read_bytes(path, MOST_BYTES)
    if content.startswith((b"#!", b"\x7fELF")):
        return "it is a program"
    if re.search(rb"^(\{\s*)?['\"]?plugin['\"]?\s*:", content, re.MULTILINE):
        return "it configures an inventory plugin"
    return ""


def runs_when_used(name: str, variables: Mapping[str, Any]) -> Iterator[str]:
    """What a host's variables would run on this machine."""
    for variable, value in variables.items():
        if any(map(_TEMPLATE.search, _texts(value))):
            yield f"`{variable}` holds a template, which can run commands"
        elif variable == "ansible_connection" and value not in CONNECTIONS:
            yield f"`{variable}` is not ssh"
        elif _PROGRAMS.fullmatch(variable) or (name in HERE and _PROGRAMS_HERE.fullmatch(variable)):
            yield f"`{variable}` names a program"
        elif _SSH_ARGUMENTS.fullmatch(variable) and not _harmless(str(value)):
            yield f"`{variable}` has an option that can run commands"


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for key, item in value.items():
                yield from (*_texts(key), *_texts(item))
        case list():
            for item in value:
                yield from _texts(item)


def _harmless(arguments: str) -> bool:
    try:
        words = iter(shlex.split(arguments))
    except ValueError:
        return False
    for word in words:
        if _FLAGS.fullmatch(word):
            continue
        option = next(words, "") if word == "-o" else word[2:] if word.startswith("-o") else ""
        if option and re.split(r"[\s=]", option.strip(), maxsplit=1)[0].lower() in _OPTIONS:
            continue
        if word in _WITH_VALUE and not next(words, "-").startswith("-"):
            continue
        return False
    return True
