"""What a host has, as JSON: python3 - SCENARIO USER,… PYTHON look|record BIND called|alone PORT,…

archives: name → folder of each archive that is completely unpacked. units: the scenario's unit files. running: units that run with the
present content of their file. problems: why the host cannot take the scenario, as somebody who listens at a PORT of its parts. addresses:
why its parts cannot listen at BIND, its address in the inventory (empty: nothing listens here); if they are `called` by other hosts, it may
not be a loopback address. recorded: whether this call wrote the install record, which lists what the deployment adds; only `record` writes
it, before anything is added, and teardown.yml follows it.
"""

import errno
import glob
import grp
import ipaddress
import json
import os
import pwd
import socket
import subprocess
import sys
import time

os.umask(0o022)  # whatever the host's: users of parts search the folders that this makes
VERSION = 2  # of the install record: each kind of part has a user of its own
PARENTS = ("/opt/aibench", "/var/lib/aibench", "/etc/aibench")


def own(scenario):
    return [f"{parent}/{scenario}" for parent in PARENTS]


def units(scenario):
    """Unit files of the scenario. Another scenario's name may begin with ours, so its folder tells whose a unit is."""
    paths = []
    for path in sorted(glob.glob(f"/etc/systemd/system/aibench-{glob.escape(scenario)}-*.service")):
        with open(path, encoding="utf-8") as file:
            if f"\nX-AibenchScenario={scenario}\n" in file.read():
                paths.append(path)
    return paths


SHOWN = ("Id", "ActiveState", "UnitFileState", "NeedDaemonReload", "InactiveExitTimestampMonotonic")


def running(paths):
    """Units that run with the present content of their file. One that was started before its file was written does not: a deployment was
    interrupted before it restarted the unit."""
    if not paths:
        return []
    names = [os.path.basename(path) for path in paths]
    told = subprocess.run(["systemctl", "show", "--property", ",".join(SHOWN), *names], capture_output=True, text=True, check=True).stdout
    current = []
    for path, block in zip(paths, told.strip().split("\n\n"), strict=True):
        unit = dict(line.split("=", 1) for line in block.splitlines())
        started = time.time() - time.monotonic() + int(unit["InactiveExitTimestampMonotonic"]) / 1e6
        well = (unit["ActiveState"], unit["UnitFileState"], unit["NeedDaemonReload"]) == ("active", "enabled", "no")
        if well and started > os.stat(path).st_mtime:
            current.append(unit["Id"])
    return current


def known(table, name):
    try:
        table(name)
    except KeyError:
        return False
    return True


def ours_by_others(kind, scenario):
    """What other scenarios on this host added, according to their install records, and so is not the host's own."""
    added = set()
    for path in glob.glob("/var/lib/aibench/*/install.json"):
        if path != f"/var/lib/aibench/{scenario}/install.json":
            with open(path, encoding="utf-8") as file:
                added.update(json.load(file)["added"][kind])
    return added


def before(scenario, users):
    """The install record: what does not exist yet and will be added by this deployment."""
    home = os.path.expanduser("~/.ansible")
    shared = [*PARENTS, home, f"{home}/tmp"]
    return {
        "version": VERSION,
        "scenario": scenario,
        "added": {
            "folders": own(scenario),
            "shared_folders": sorted({path for path in shared if not os.path.lexists(path)} | ours_by_others("shared_folders", scenario)),
            "users": [user for user in users if not known(pwd.getpwnam, user)],
            "groups": [user for user in users if not known(grp.getgrnam, user)],
            "packages": [],
        },
    }


def with_users(record, users):
    """The record, with those users and groups that this host gets for parts of kinds that it did not have."""
    added = record["added"]
    for kind, table in (("users", pwd.getpwnam), ("groups", grp.getgrnam)):
        new = [user for user in users if user not in added[kind] and not known(table, user)]
        added = {**added, kind: added[kind] + new}
    return {**record, "added": added}


def write_record(path, record):
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    with open(path + ".unfinished", "w", encoding="utf-8") as file:
        json.dump(record, file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".unfinished", path)


def problems(scenario, python, record):
    if record and record["version"] != VERSION:
        yield f"an earlier version deployed {scenario} here: remove it with teardown.yml, then deploy again"
    if not record:
        taken = [path for path in [*own(scenario), *units(scenario)] if os.path.lexists(path)]
        if taken:
            yield f"{', '.join(taken)} was there before any deployment of {scenario}: move it away"
    library = f"libpython{python}.so.1.0"
    try:
        ended = subprocess.run([f"/usr/bin/python{python}", "-c", f"import ctypes; ctypes.CDLL('{library}')"], check=False)
    except FileNotFoundError:
        yield f"no /usr/bin/python{python}, which the shipped libraries were built for"
    else:
        if ended.returncode:
            yield f"no {library}: install libpython{python}"


LISTENING = "0A"  # a socket's state in proc_net_tcp(5)


def holder(port, scenario):
    """Who listens at a port of this host, as 'NAME (process PID)'; empty: nobody, a part of the scenario, or who cannot be told."""
    sockets = set()
    for table in glob.glob("/proc/net/tcp*"):
        with open(table, encoding="ascii") as file:
            rows = [line.split() for line in file.readlines()[1:]]
        sockets |= {f"socket:[{row[9]}]" for row in rows if row[3] == LISTENING and int(row[1].rpartition(":")[2], 16) == port}
    for link in glob.glob("/proc/[0-9]*/fd/*") if sockets else ():
        try:
            if os.readlink(link) in sockets:
                folder = link.partition("/fd/")[0]
                with (
                    open(f"{folder}/cgroup", encoding="utf-8") as groups,
                    open(f"{folder}/comm", encoding="utf-8", errors="replace") as name,
                ):
                    ours = f"/aibench-{scenario}-" in groups.read()
                    return "" if ours else f"{name.read().strip()} (process {os.path.basename(folder)})"
        except OSError:  # it has just ended
            continue
    return ""


def taken(bind, ports, scenario):
    """Of each port at which parts cannot listen because somebody else does."""
    for port in ports:
        family, kind, protocol, _, where = socket.getaddrinfo(bind, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(where)
                probe.listen()
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    yield f"a part cannot listen at {bind}:{port}: {error.strerror}"
                elif who := holder(port, scenario):
                    yield f"a part cannot listen at {bind}:{port}: {who} does; stop it, or choose other ports with --first-port"


def addresses(bind, called):
    if not bind:
        return
    own = subprocess.run(["hostname", "--all-ip-addresses"], capture_output=True, text=True, check=False).stdout.split()
    own = [address for address in own if ":" not in address]
    way_out = f"set aibench_bind_address to one of the host's own addresses ({', '.join(own) or 'it has none'})"
    try:
        found = socket.getaddrinfo(bind, 0, type=socket.SOCK_STREAM)
    except OSError as error:
        yield f"the host does not know {bind}, where its parts listen ({error.strerror}): {way_out}"
        return
    for at in dict.fromkeys(where[0] for *_, where in found):
        if called and ipaddress.ip_address(at).is_loopback:
            yield f"{bind} leads to {at} on the host itself, where no other host reaches its parts: {way_out}"
            return
    family, kind, protocol, _, where = found[0]
    try:
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(where)
    except OSError as error:
        yield f"parts cannot listen at {bind} ({where[0]}: {error.strerror}): {way_out}"


def main(scenario, users, python, action, bind, called, ports=""):
    path = f"/var/lib/aibench/{scenario}/install.json"
    there = None
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            there = json.load(file)
    obstacles, unusable = list(problems(scenario, python, there)), list(addresses(bind, called == "called"))
    if bind and not unusable:
        obstacles += taken(bind, [int(port) for port in ports.split(",") if port], scenario)
    record = with_users(there, users.split(",")) if there else before(scenario, users.split(","))
    write = action == "record" and record != there and not obstacles and not unusable
    if write:
        write_record(path, record)
    folders = sorted(os.path.dirname(mark) for folder in own(scenario) for mark in glob.glob(f"{folder}/*/.whole"))
    archives = {os.path.basename(folder): folder for folder in folders if not os.path.islink(folder)}
    paths = units(scenario)
    told = {"archives": archives, "problems": obstacles, "addresses": unusable, "recorded": write}
    print(json.dumps({**told, "running": running(paths), "units": paths}))


main(*sys.argv[1:])
