"""Unpacks what was shipped in one file: python3 - FILE (FOLDER ARCHIVE OWNER)...

OWNER: root, the user who gets what is unpacked, or SUBFOLDER:USER,… for those of its folders that users get; the rest is root's.

FILE is a tar of archives <name>.tar.gz, each with one folder <name>; that folder is moved to FOLDER whole or not at all. Prints each
name. Can be run again after an interruption. FILE is removed at the end.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tarfile

os.umask(0o022)  # whatever the host's: tar makes folders with it that an archive does not list, and users of parts search them


def unpack(archive, folder, name, owner):
    scratch = os.path.join(folder, ".unfinished")
    shutil.rmtree(scratch, ignore_errors=True)
    os.makedirs(scratch, mode=0o700)
    command = ["tar", "--extract", "--gzip", "--no-same-owner", "--preserve-permissions", "-C", scratch]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as tar:
        shutil.copyfileobj(archive, tar.stdin, 1 << 20)
    if tar.returncode:
        sys.exit(f"{name}: tar ended with {tar.returncode}")
    unpacked = os.path.join(scratch, name)
    os.chmod(unpacked, 0o755)  # what is private in it has a mode of its own
    if ":" in owner:
        for below, user in (part.split(":") for part in owner.split(",")):
            if os.path.isdir(os.path.join(unpacked, below)):
                give(os.path.join(unpacked, below), user)
    elif owner != "root":
        give(unpacked, owner)
    shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
    os.rename(unpacked, os.path.join(folder, name))
    os.rmdir(scratch)
    print(name)


def give(folder, owner):
    user = pwd.getpwnam(owner)
    for at, folders, files in os.walk(folder):
        for entry in [at, *(os.path.join(at, file) for file in folders + files)]:
            os.lchown(entry, user.pw_uid, user.pw_gid)


def main(path, *entries):
    with tarfile.open(path) as bundle:
        for folder, file, owner in zip(entries[::3], entries[1::3], entries[2::3], strict=True):
            unpack(bundle.extractfile(file), folder, file[: -len(".tar.gz")], owner)
    os.unlink(path)


main(*sys.argv[1:])
