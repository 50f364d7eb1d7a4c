"""Removes what a deployment added to this host, as its install record says: python3 - SCENARIO look|remove

Prints each thing that it removes (or would remove). Nothing that was there before the deployment is touched, nor what another scenario
on this host still needs. Can be run again after an interruption: the record is removed last.
"""

import glob
import json
import os
import shutil
import subprocess
import sys


def others(kind, scenario):
    """What other scenarios' install records list, too."""
    claimed = set()
    for path in glob.glob("/var/lib/aibench/*/install.json"):
        if path != f"/var/lib/aibench/{scenario}/install.json":
            with open(path, encoding="utf-8") as file:
                claimed.update(json.load(file)["added"][kind])
    return claimed


def units(scenario):
    for path in sorted(glob.glob(f"/etc/systemd/system/aibench-{glob.escape(scenario)}-*.service")):
        with open(path, encoding="utf-8") as file:
            if f"\nX-AibenchScenario={scenario}\n" in file.read():
                yield path


def run(*command):
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if ended.returncode:
        sys.exit(f"{' '.join(command)}: {ended.stderr.strip()}")


def installed(name):
    ended = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", name], capture_output=True, text=True, check=False)
    return ended.stdout not in ("", "not-installed")


def listed(table, name):
    return subprocess.run(["getent", table, name], capture_output=True, check=False).returncode == 0


def steps(scenario, record):
    """(what is removed, how), in order; only what is there."""
    added = record["added"]
    paths = list(units(scenario))
    if paths:
        names = [os.path.basename(path) for path in paths]
        yield f"units {' '.join(names)}", lambda: remove_units(paths, names, scenario)
    packages = [name for name in added["packages"] if name not in others("packages", scenario) and installed(name)]
    if packages:
        yield f"packages {' '.join(packages)}", lambda: run("dpkg", "--purge", *packages)
    for path in added.get("files", []):
        if os.path.lexists(path) and path not in others("files", scenario):
            yield f"file {path}", lambda path=path: os.unlink(path)
    for name in added["users"]:
        if name not in others("users", scenario) and listed("passwd", name):
            yield f"user {name}", lambda name=name: run("userdel", name)
    for name in added["groups"]:
        if name not in others("groups", scenario) and listed("group", name):
            yield f"group {name}", lambda name=name: remove_group(name)
    for path in sorted(added["folders"], key=lambda path: path.startswith("/var/lib/aibench/")):  # last the folder with the record
        if os.path.lexists(path):
            yield f"folder {path}", lambda path=path: remove_tree(path)
    for path in sorted(added["shared_folders"], reverse=True):
        if os.path.isdir(path):
            yield f"folder {path} if empty", lambda path=path: remove_empty(path)


def remove_units(paths, names, scenario):
    run("systemctl", "disable", "--now", *names)
    run("systemctl", "stop", f"aibench-{scenario}-host-watch*.service")  # transient: the unit that monitors a load
    for path in paths:
        os.unlink(path)
    run("systemctl", "daemon-reload")
    subprocess.run(["systemctl", "reset-failed", *names], capture_output=True, check=False)  # fails where none had failed


def remove_group(name):
    if listed("group", name):  # userdel may have taken it along
        run("groupdel", name)


def remove_tree(path):
    """Removes the folder, and in it the record last."""
    for name in sorted(os.listdir(path), key=lambda name: name == "install.json"):
        entry = os.path.join(path, name)
        if os.path.isdir(entry) and not os.path.islink(entry):
            shutil.rmtree(entry)
        else:
            os.unlink(entry)
    os.rmdir(path)


def remove_empty(path):
    if not os.listdir(path):
        os.rmdir(path)


def main(scenario, action):
    path = f"/var/lib/aibench/{scenario}/install.json"
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8") as file:
        record = json.load(file)
    for what, remove in steps(scenario, record):
        print(what, flush=True)
        if action == "remove":
            remove()


main(*sys.argv[1:])
