"""Installs PostgreSQL from shipped packages: python3 - SCENARIO FOLDER look|install

Says each package that it installs (or would install). What is added is written into the install record first.
"""

import glob
import grp
import json
import os
import pwd
import subprocess
import sys
import tempfile

NAME = "postgresql-15"
CONF = "/etc/postgresql-common/createcluster.d/aibench.conf"
FOLDERS = (
    "/etc/postgresql-common/createcluster.d", "/etc/postgresql-common", "/etc/postgresql", "/var/lib/postgresql", "/var/log/postgresql",
    "/usr/lib/postgresql", "/usr/share/postgresql", "/var/cache/postgresql",
)


def known(table, name):
    try:
        table(name)
    except KeyError:
        return False
    return True


def claimed(kind, scenario):
    """What other scenarios' records say was added: it is shared, and goes with the last of them."""
    found = set()
    for path in glob.glob("/var/lib/aibench/*/install.json"):
        if path != f"/var/lib/aibench/{scenario}/install.json":
            with open(path, encoding="utf-8") as file:
                found.update(json.load(file)["added"].get(kind, []))
    return found


def apt(folder, scratch, *arguments):
    """The host's apt with the shipped packages as its only archive; its own lists stay as they are."""
    source = f"{scratch}/sources.list"
    with open(source, "w", encoding="utf-8") as file:
        file.write(f"deb [trusted=yes] file:{folder} ./\n")
    os.makedirs(f"{scratch}/lists/partial", exist_ok=True)
    options = {
        "Dir::Etc::sourcelist": source, "Dir::Etc::sourceparts": "-", "Dir::State::lists": f"{scratch}/lists",
        "Dir::Cache": scratch, "APT::Sandbox::User": "root", "APT::Install-Recommends": "false", "Dpkg::Use-Pty": "0",
    }
    command = ["apt-get", "--quiet", "--yes", *(part for key, value in options.items() for part in ("-o", f"{key}={value}")), *arguments]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, check=False)
    if ended.returncode:
        sys.exit(f"apt-get {' '.join(arguments)}: {ended.stdout[-1000:]}{ended.stderr[-1000:]}")
    return ended.stdout


def installed(name):
    ended = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", name], capture_output=True, text=True, check=False)
    return ended.stdout == "installed"


def write(path, content):
    with open(path + ".unfinished", "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".unfinished", path)


def remember(scenario, packages):
    """In the record, before anything is added: these packages, and the users, groups and folders that come with them."""
    path = f"/var/lib/aibench/{scenario}/install.json"
    with open(path, encoding="utf-8") as file:
        record = json.load(file)
    added = record["added"]
    new = {
        "packages": set(packages) | claimed("packages", scenario),
        "files": {CONF} - ({CONF} if os.path.exists(CONF) and CONF not in claimed("files", scenario) else set()),
        "users": {name for name in ("postgres",) if not known(pwd.getpwnam, name)} | (claimed("users", scenario) & {"postgres"}),
        "groups": {name for name in ("postgres", "ssl-cert") if not known(grp.getgrnam, name)}
        | (claimed("groups", scenario) & {"postgres", "ssl-cert"}),
        "shared_folders": {path for path in FOLDERS if not os.path.lexists(path)} | (claimed("shared_folders", scenario) & set(FOLDERS)),
    }
    for kind, names in new.items():
        added[kind] = sorted({*added.get(kind, []), *names})
    changed = json.dumps(record, indent=1) + "\n"
    with open(path, encoding="utf-8") as file:
        if file.read() != changed:
            write(path, changed)


def main(scenario, folder, action):
    with tempfile.TemporaryDirectory() as scratch:
        if installed(NAME):
            if action == "install":
                remember(scenario, [])
            return
        if not os.path.isdir(folder):
            print(NAME)  # in check mode nothing was shipped
            return
        apt(folder, scratch, "update")
        planned = [line.split()[1] for line in apt(folder, scratch, "--simulate", "install", NAME).splitlines() if line.startswith("Inst ")]
        if action == "install":
            remember(scenario, [name for name in planned if not installed(name)])
            if not os.path.exists(CONF):
                os.makedirs(os.path.dirname(CONF), exist_ok=True)
                write(CONF, "create_main_cluster = false\n")
            apt(folder, scratch, "install", NAME)
        print("\n".join(planned))


main(*sys.argv[1:])
