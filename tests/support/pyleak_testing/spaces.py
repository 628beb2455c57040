"""Programs started in namespaces and roots of their own."""

import json
import os
import pathlib
import subprocess

from .places import ROOT
from .requirements import require

TARGETS = ROOT / "tests/targets"
ROOTS = ROOT / "build/roots"

# The program calls itself 1, and is root of nothing but its own namespaces.
PID_NAMESPACE = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]


def time_namespace(seconds):
    """The program's CLOCK_MONOTONIC is ahead of ours by so much."""
    return ["unshare", "--time", "--monotonic", str(seconds), "--fork", "--kill-child"]


def debian_root(suite):
    """The root directory of another Debian, made once."""
    require("mmdebstrap")
    directory = ROOTS / suite
    subprocess.run([ROOT / "scripts/debian-root", suite, directory], stdin=subprocess.DEVNULL, check=True, timeout=300)
    return directory


def sandbox(root, *options):
    """bubblewrap with every namespace of its own and without /proc; tests/targets is /srv in it."""
    require("bwrap")
    return [
        *("bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", str(root), "/", "--dev", "/dev"),
        *("--ro-bind", str(TARGETS), "/srv", *options, "--"),
    ]


def neighbour(target=None):
    """A container for pyleak that shares no mount with its target and has no right but to trace. It has the machine's
    pid namespace, or that of `target`, as `docker run --pid=container:X` gives it."""
    require("bwrap")
    enter = ["nsenter", "--target", str(target.pid), "--pid", "--", "unshare", "--mount-proc"] if target else []
    mounts = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", str(ROOTS)]
    return [*enter, "bwrap", *mounts, "--cap-drop", "ALL", "--cap-add", "CAP_SYS_PTRACE", "--"]


def container(folder, root, command):
    """A command that runs `command` in an OCI container; its bundle is written to `folder`."""
    require("runc")
    subprocess.run(["runc", "spec", "--bundle", folder], check=True, timeout=20)
    path = pathlib.Path(folder, "config.json")
    config = json.loads(path.read_text())
    config["root"] = {"path": str(root), "readonly": True}
    config["process"].update(terminal=False, args=command)
    wanted = ("/proc", "/dev")  # Not those for which the machine would need control groups of the newer kind.
    config["mounts"] = [mount for mount in config["mounts"] if mount["destination"] in wanted]
    config["mounts"].append(
        {"destination": "/srv", "source": str(TARGETS), "type": "bind", "options": ["rbind", "ro"]}
    )
    path.write_text(json.dumps(config))
    return ["runc", "run", "--bundle", folder, f"pyleak-test-{os.getpid()}-{pathlib.Path(folder).name}"]
