"""The check that a watched process is as it was before.

What must be the same:
- its descriptors: number and what each leads to;
- its mappings of files and its executable ones: path, offset, permissions and size. Libraries that the target itself
  loads meanwhile may come in addition. Anonymous data belongs to the allocator and is not compared; of a process that
  compiles at run time (Node), neither is anonymous code;
- its import slots, word by word, but for those that the dynamic linker has bound since;
- no thread stopped or traced.
A wait for that is allowed, since a thread inside the agent's code keeps it mapped until it returns.
"""

import collections
import os
import pathlib

from .import_slots import changed_slots, import_slots
from .lines import wait_until


def _descriptors(pid):
    found = {}
    for entry in os.scandir(f"/proc/{pid}/fd"):
        try:
            found[entry.name] = os.readlink(entry.path)
        except FileNotFoundError:
            pass
    return found


def _mappings(pid, jit):
    found = collections.Counter()
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines():
        addresses, permissions, offset, _device, inode, *path = line.split(None, 5)
        path = path[0] if path else ""
        is_code = "x" in permissions and not jit
        if inode != "0" or is_code:
            begin, end = (int(address, 16) for address in addresses.split("-"))
            found[path, offset, permissions, end - begin] += 1
    return found


def _may_be_new(mapping):
    """A library, or a locale's file, that the target opened itself; not memory that somebody put there."""
    path = mapping[0]
    return path.startswith("/") and not path.startswith(("/memfd:", "/dev/")) and not path.endswith(" (deleted)")


def stopped_threads(pid):
    """The threads that somebody holds: stopped, or traced."""
    stopped = []
    for task in os.scandir(f"/proc/{pid}/task"):
        try:
            status = pathlib.Path(task.path, "status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        if fields["State"][0] in "tT" or fields["TracerPid"] != "0":
            stopped.append(f"thread {task.name}: state {fields['State']}, tracer {fields['TracerPid']}")
    return stopped


class Snapshot:
    """A process before the watch."""

    def __init__(self, pid, jit=False):
        self._pid = pid
        self._jit = jit
        self._descriptors = _descriptors(pid)
        self._mappings = _mappings(pid, jit)
        self._slots = import_slots(pid)

    def _harm(self):
        """What is not as it was, in words; empty if all is well."""
        harm = stopped_threads(self._pid)
        descriptors = _descriptors(self._pid)
        if descriptors != self._descriptors:
            harm.append(f"descriptors: {sorted(descriptors.items() ^ self._descriptors.items())}")
        harm += [f"import slot: {slot}" for slot in changed_slots(self._slots, import_slots(self._pid)).items()]
        mappings = _mappings(self._pid, self._jit)
        harm += [f"mapping is gone: {mapping}" for mapping in self._mappings - mappings]
        harm += [f"mapping is new: {mapping}" for mapping in mappings - self._mappings if not _may_be_new(mapping)]
        return harm

    def assert_unharmed(self, seconds=5):
        last = []

        def is_unharmed():
            last[:] = self._harm()
            return not last

        try:
            wait_until(is_unharmed, "the target as it was before", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {'; '.join(last)}") from None
