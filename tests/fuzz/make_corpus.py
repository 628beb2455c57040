"""Makes the seeds of corpus/: inputs that are as a well-meaning target would have them, for a fuzzer to begin with.

    tests/fuzz/make_corpus.py RECORD_PYTHON [PYTHON...]

RECORD_PYTHON is the program of that name in the build; each PYTHON is run and recorded. Needs gcc and clang-16. What a
fuzzer has found is not made here, and stays.
"""

import pathlib
import struct
import subprocess
import sys
import tempfile

CORPUS = pathlib.Path(__file__).parent / "corpus"
MODULE = """
static inline __attribute__((always_inline)) int inner(int value, int* to) { *to = value; return value * 3; }
int outer(int value) { int there[8]; return inner(value, there + (value & 7)) + there[0]; }
int _start(int value) { return outer(value) + 1; }
"""
BASE = 0x10000


def write(harness, name, data):
    (CORPUS / harness).mkdir(parents=True, exist_ok=True)
    (CORPUS / harness / name).write_bytes(data)


def module(compiler, *options):
    """A small shared object, as its file."""
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder, "module.c")
        source.write_text(MODULE)
        target = pathlib.Path(folder, "module.so")
        command = [compiler, "-shared", "-nostdlib", "-fPIC", "-Wl,-z,noseparate-code", "-Wl,--build-id=sha1"]
        command += ["-fdebug-prefix-map=" + folder + "=/src", *options, str(source), "-o", str(target)]
        subprocess.run(command, check=True, cwd=folder)
        return target.read_bytes()


def piece(address, data):
    return struct.pack("<QH", address, len(data)) + data


def proc_texts():
    cat = subprocess.run(
        ["sh", "-c", "cat /proc/self/maps; exec cat /proc/self/maps"], stdout=subprocess.PIPE, check=True
    ).stdout
    write("proc_texts", "maps", cat[:1500])
    for name in ("stat", "status", "syscall", "sched", "auxv"):
        text = subprocess.run(["cat", f"/proc/self/{name}"], stdout=subprocess.PIPE, check=True).stdout
        write("proc_texts", name, text)
    write("proc_texts", "children", b"12 345 6789 ")


def modules():
    """A list of two: the same file as the program, and once more elsewhere; and a map that has an agent's mark."""
    content = bytearray(module("gcc", "-O2", "-Wl,--hash-style=both"))
    program_headers, = struct.unpack_from("<Q", content, 32)
    count, = struct.unpack_from("<H", content, 56)
    dynamic = 0
    for i in range(count):
        at = program_headers + 56 * i
        kind, _flags, offset, address = struct.unpack_from("<IIQQ", content, at)
        if kind == 2:
            dynamic = address
            dynamic_offset = offset
        if kind == 0x6474E551:  # GNU_STACK serves as PHDR, which a shared object lacks
            struct.pack_into("<IIQQ", content, at, 6, 4, program_headers, program_headers)
    at = dynamic_offset
    while struct.unpack_from("<Q", content, at)[0] != 0:
        at += 16
    struct.pack_into("<QQ", content, at, 21, 0x5000)  # DT_DEBUG, over the DT_NULL that the next one repeats
    memory = piece(BASE, bytes(content)) + piece(0x40000, bytes(content))
    memory += piece(0x5000, struct.pack("<iIQQiIQ", 1, 0, 0x5100, 0, 0, 0, 0))
    memory += piece(0x5100, struct.pack("<QQQQQ", BASE, 0, BASE + dynamic, 0x5200, 0))
    memory += piece(0x5200, struct.pack("<QQQQQ", 0x40000, 0, 0x40000 + dynamic, 0, 0x5100))
    text = b"10000-20000 r-xp 00000000 fe:00 7 /lib/libc.so.6\n50504c0000-50504d0000 r-xp 00000000 00:00 0 \n"
    head = struct.pack("<QBQ", BASE + program_headers, count, 0x40000) + struct.pack("<H", len(text)) + text
    write("modules", "two", head + memory)


def unwind():
    for compiler in ("gcc", "clang-16"):
        content = module(compiler, "-O2", "-fno-omit-frame-pointer", "-fasynchronous-unwind-tables", "-s")
        entry = struct.unpack_from("<Q", content, 24)[0]
        stack_pointer = 0x7000000
        registers = [0] * 17
        registers[6], registers[7], registers[16] = stack_pointer + 64, stack_pointer, 0x40000000 + entry + 4
        stack = struct.pack("<Q", 0x40000000 + entry + 8) * 32
        data = struct.pack("<17QH", *registers, len(stack)) + stack + content
        write("unwind", compiler, data)


def unwind_rows():
    content = module("gcc", "-O2", "-fasynchronous-unwind-tables", "-s")
    program_headers, = struct.unpack_from("<Q", content, 32)
    for i in range(struct.unpack_from("<H", content, 56)[0]):
        kind, _flags, _offset, address = struct.unpack_from("<IIQQ", content, program_headers + 56 * i)
        if kind == 0x6474E550:  # GNU_EH_FRAME
            index = address
    entry = struct.unpack_from("<Q", content, 24)[0]
    write("unwind_rows", "gcc", struct.pack("<QQ", BASE + index, BASE + entry) + piece(BASE, content))


def heartbeat():
    """A loop that waits, works too long, and waits again."""
    region, slot, second = 4096, 8192, 1_000_000_000

    def words(*pairs):
        return bytes([len(pairs)]) + b"".join(struct.pack("<HQ", place // 4, value) for place, value in pairs)

    begun = words((region, 2 | 77 << 32), (region + 32, 5), (slot + 64, 9), (slot + 72, 1), (slot + 80, 999 * second),
                  (slot + 88, 77 | 1 << 32), (slot + 96, 5), (slot + 16, 999 * second), (slot, 2))
    busy = words((slot + 8, 1000 * second), (slot, 3))
    late = words()
    done = words((slot + 640, 1), (slot + 648, 1000 * second), (slot + 656, 1000 * second + second // 2),
                 (slot + 40, 1), (slot + 16, 1000 * second + second // 2), (slot, 4))
    write("heartbeat", "block", bytes([100]) + begun + b"\x01" + busy + b"\xff" + late + b"\xff" + done + b"\x0a")


def pythons(record, interpreters):
    program = "import select\ndef inner(argument):\n  number, half, text, raw = -2**70, .5, 'text', b'raw'\n"
    program += "  items = [(1, None), {2}, {'key': len}, Exception(3)]\n  select.select([0], [], [])\n"
    program += "  return lambda: text\ndef outer(): inner(True)\nouter()"
    for interpreter in interpreters:
        script = "import sys; print(sys.version_info[1], flush=True)\n" + program
        with subprocess.Popen(
            [interpreter, "-S", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            minor = int(process.stdout.readline())
            while not pathlib.Path(f"/proc/{process.pid}/syscall").read_text().startswith(("23 ", "270 ")):
                pass
            data = subprocess.run([record, str(process.pid)], stdout=subprocess.PIPE, check=True).stdout
            write("python_stack", f"3.{minor}", data)
            process.stdin.close()


def main(record, *interpreters):
    proc_texts()
    modules()
    unwind()
    unwind_rows()
    heartbeat()
    write("elf_image", "gcc", module("gcc", "-O2"))
    write("debug_info", "gcc", module("gcc", "-O2", "-g"))
    write("debug_info", "clang", module("clang-16", "-O2", "-g", "-gdwarf-4"))
    names = (b"N4core3fmt9Formatter9write_str17h0123456789abcdefE", b"NSt6vectorIiSaIiEE9push_backERKi",
             b"NvCs1234_7mycrate3foo", b"IhNvMs_3foo3Bar3bazE")
    for i, name in enumerate(names):
        write("demangle", str(i), name)
    write("line_table", "locations", struct.pack("<iq", 7, 6) + bytes([0x80, 0, 1, 0xD8, 0x83, 4, 5, 0xF1, 2, 1, 9, 9]))
    write("line_table", "deltas", struct.pack("<iq", 7, 6) + bytes([4, 1, 2, 0x80, 8, 0xFF]))
    texts = (b"asyncio", b"epoll_wait", b"caf\xc3\xa9", b"\x1b[31m", b"\xff\xfe", b"\xe2\x80\xae", b"line\nbreak", b"")
    write("report", "texts", struct.pack("<qq", 2_000_000_000, 10**18) + b"".join(bytes([len(t)]) + t for t in texts * 8))
    pythons(record, interpreters)


if __name__ == "__main__":
    main(*sys.argv[1:])
