"""A pipeline that takes what it can get: each attempt is a line `HOSTILE {...}` in the server's log.

`TARGETS` (the environment) is JSON: the secrets to look for, a file outside the folder, a TCP address.
"""

import json
import os
import resource
import socket
import stat
import sys
from pathlib import Path

TARGETS = json.loads(os.environ["TARGETS"])
SERVER = Path("/proc") / str(os.getppid())


def secrets_in(text):
    return [secret for secret in TARGETS["secrets"] if secret in text]


def own_environment():
    return secrets_in(str({name: value for name, value in os.environ.items() if name != "TARGETS"}))


def servers_environment():
    return secrets_in((SERVER / "environ").read_bytes().decode(errors="replace")) or "readable"


def servers_memory():
    maps = (SERVER / "maps").read_text().splitlines()
    writable = [line.split("-")[0] for line in maps if " rw-p " in line]
    with (SERVER / "mem").open("rb") as file:
        file.seek(int(writable[0], 16))
        return len(file.read(4096))


def inherited_descriptors():
    own = {0, 1, 2, int(os.environ["SCOPE_SOCKET"])}
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            mode = os.fstat(int(link.name)).st_mode
        except OSError:
            continue  # the listing's own
        if int(link.name) not in own and (stat.S_ISSOCK(mode) or stat.S_ISREG(mode)):
            found.append(str(link.readlink()))
    return found


def privileges():
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    found = []
    if int(fields["CapEff"], 16) or int(fields["CapBnd"], 16) & int(fields["CapPrm"], 16):
        found.append("capabilities " + fields["CapEff"])
    if fields["NoNewPrivs"] != "1":
        found.append("set-user-ID programs")
    if resource.getrlimit(resource.RLIMIT_CORE)[1]:
        found.append("core dumps")
    return found


def file_outside():
    return Path(TARGETS["file"]).read_text()


def written_file():
    path = Path(TARGETS["file"] + ".written")
    path.write_text("x")
    return str(path)


def connection():
    host, port = TARGETS["address"]
    with socket.create_connection((host, port), 5):
        return "connected"


def datagram():
    host, port = TARGETS["address"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        return sender.sendto(b"x", (host, port))


def signal():
    os.kill(os.getppid(), 0)
    return "may signal the server"


for attempt in [
    own_environment,
    servers_environment,
    servers_memory,
    inherited_descriptors,
    privileges,
    file_outside,
    written_file,
    connection,
    datagram,
    signal,
]:
    try:
        got = attempt()
    except Exception as error:
        got, refusal = None, f"{type(error).__name__}: {error}"
    else:
        refusal = None
    print("HOSTILE " + json.dumps({"what": attempt.__name__, "got": got, "refusal": refusal}), flush=True)

print("HOSTILE " + json.dumps({"what": "end"}), flush=True)
sys.exit("nothing is left to try")
