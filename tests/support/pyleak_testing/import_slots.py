"""The words through which the modules of a process call functions of other modules, as readelf knows them."""

import os
import pathlib
import re
import subprocess

_RELOCATION = re.compile(r"^([0-9a-f]+)\s+[0-9a-f]+\s+R_X86_64_(?:JUMP_SLOT?|GLOB_DAT)\s", re.MULTILINE)
_FIRST_SEGMENT = re.compile(r"^\s+LOAD\s+0x[0-9a-f]+\s+0x([0-9a-f]+)", re.MULTILINE)


_read = {}


def _readelf(path):
    """Where the file's first segment belongs, and where its import slots are. Each file is read but once."""
    status = os.stat(path)
    key = status.st_dev, status.st_ino, status.st_mtime_ns
    if key not in _read:
        _read[key] = _readelf_now(path)
    return _read[key]


def _readelf_now(path):
    command = ["readelf", "--wide", "--segments", "--relocs", path]
    text = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout
    first = _FIRST_SEGMENT.search(text)
    return int(first.group(1), 16) if first else 0, [int(match, 16) for match in _RELOCATION.findall(text)]


def _modules(pid):
    """Of each ELF file that is mapped from its beginning on: its path, its address range, and the file itself, which
    may have been deleted, or lie in another root."""
    found = {}
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines():
        addresses, _permissions, offset, _device, inode, *path = line.split(None, 5)
        if inode == "0" or not path or not path[0].startswith("/"):
            continue
        begin, end = (int(address, 16) for address in addresses.split("-"))
        if int(offset, 16) == 0 and path[0] not in found:
            found[path[0]] = (begin, end, f"/proc/{pid}/map_files/{begin:x}-{end:x}")
        elif path[0] in found:
            found[path[0]] = (found[path[0]][0], end, found[path[0]][2])
    return found


def _vdso(pid):
    """Where the kernel's own functions lie: gettimeofday, for one, is bound to there."""
    maps = pathlib.Path(f"/proc/{pid}/maps").read_text(errors="replace")
    begin, end = re.search(r"^([0-9a-f]+)-([0-9a-f]+) .*\[vdso\]$", maps, re.MULTILINE).groups()
    return int(begin, 16), int(end, 16)


def import_slots(pid):
    """What each slot holds: (file, address) -> the word, and the file that it leads to, or None."""
    slots = {}
    modules = _modules(pid)
    ranges = [(path, begin, end) for path, (begin, end, _file) in modules.items()] + [("[vdso]", *_vdso(pid))]

    def leads_to(word):
        return next((path for path, begin, end in ranges if begin <= word < end), None)

    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for path, (begin, _end, file) in modules.items():
            first, offsets = _readelf(file)
            for offset in offsets:
                memory.seek(begin - first + offset)
                word = int.from_bytes(memory.read(8), "little")
                slots[path, offset] = word, leads_to(word)
    return slots


def changed_slots(before, after):
    """The slots that hold something else than before, but for those that the dynamic linker has bound since: they led
    into their own file, which asks the linker, and now lead to a function of some file."""
    changed = {}
    for slot, (word, leads_to) in before.items():
        now, leads_now_to = after.get(slot, (word, leads_to))
        bound_since = leads_to == slot[0] and leads_now_to is not None
        if now != word and not bound_since:
            changed[slot] = hex(word), hex(now)
    return changed
