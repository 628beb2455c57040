"""Situations for stacks.py in which Python and native code call each other: each ends in a call of `wait`."""

import asyncio
import contextlib
import ctypes
import functools
import gc
import importlib
import io
import itertools
import json
import os
import re
import signal
import sys
import weakref
import zipfile

import random_programs

# The folder of what was built for these situations, extensions in C among it.
BUILT = sys.argv[2]
sys.path.append(BUILT)


def c_extension(wait):
    import native_calls

    def through(way, function):
        return lambda: way(function)

    call = wait
    for way in (native_calls.call, native_calls.call_without_gil, native_calls.evaluate, native_calls.call_from_qsort):
        call = through(way, call)
    call()


def c_extension_and_ctypes(wait):
    """C that calls Python, which calls C that calls Python, many times over."""
    import native_calls

    kind = ctypes.CFUNCTYPE(ctypes.c_int)

    def deeper(depth):
        if depth == 0:
            return wait()
        callback = kind(lambda: native_calls.call(lambda: deeper(depth - 1)) or 0)
        return callback()

    deeper(5)


def numpy_callbacks(wait):
    import numpy

    def element(value):
        return wait() if value == 3 else value

    def row(values):
        return numpy.frompyfunc(lambda value: numpy.vectorize(element, otypes=[object])(value), 1, 1)(values)

    numpy.apply_along_axis(row, 1, numpy.arange(6).reshape(2, 3))


def numpy_objects(wait):
    """Operators of objects in an array, called by its loops and by its sort."""
    import numpy

    class Number:
        def __add__(self, other):
            numpy.sort(numpy.array([Number(), Number()], dtype=object))

        def __lt__(self, other):
            numpy.fromiter((wait() for _ in range(1)), dtype=float)

    numpy.array([Number()], dtype=object) + 1


def greenlets(wait):
    """The stack of a greenlet begins where its function does."""
    import greenlet

    main = greenlet.getcurrent()

    def first():
        sorted([1], key=lambda _: second_one.switch())

    def second(*_):
        main.switch()
        list(map(lambda _: wait(), [1]))

    first_one = greenlet.greenlet(first)
    second_one = greenlet.greenlet(second, first_one)
    first_one.switch()
    max([1], key=second_one.switch)


def greenlets_and_c_extension(wait):
    import greenlet
    import native_calls

    native_calls.call(lambda: greenlet.greenlet(lambda: native_calls.call(wait)).switch())


def sorting(wait):
    class Key:
        def __lt__(self, other):
            return max([1, 2], key=lambda _: min(filter(lambda _: wait(), [1])))

    [Key(), Key()].sort()


def decorators(wait):
    def plain(function):
        @functools.wraps(function)
        def wrapper(*arguments, **named):
            return function(*arguments, **named)

        return wrapper

    class Decorator:
        def __init__(self, function):
            self.function = function

        def __call__(self, *arguments):
            return self.function(*arguments)

    @functools.singledispatch
    def dispatched(value):
        return None

    @dispatched.register(int)
    @plain
    @functools.lru_cache(maxsize=None)
    @Decorator
    @contextlib.contextmanager
    def manager(value):
        yield wait()

    with functools.partial(functools.partial(dispatched, 1))():
        pass


def special_methods(wait):
    class Descriptor:
        def __set_name__(self, owner, name):
            self.name = name

        def __get__(self, instance, owner):
            return {instance: 1}

    class Meta(type):
        def __call__(cls, *arguments):
            return super().__call__(*arguments).value

        def __getattr__(cls, name):
            return cls()

    class Object(metaclass=Meta):
        value = Descriptor()

        def __hash__(self):
            return len(self)

        def __len__(self):
            return 1 if self else 0

        def __bool__(self):
            return self == 1

        def __eq__(self, other):
            return f"{self}"

        def __format__(self, form):
            return str(self)

        def __str__(self):
            return "".join(self)

        def __iter__(self):
            yield self["key"]

        def __getitem__(self, key):
            self.attribute = 1

        def __setattr__(self, name, value):
            del self[0]

        def __delitem__(self, key):
            return 1 in self

        def __contains__(self, item):
            return +self

        def __pos__(self):
            return wait()

    Object.missing


def destructors(wait):
    class Owner:
        def __del__(self):
            cycle = Cycle()
            cycle.itself = cycle
            del cycle
            gc.collect()

    class Cycle:
        def __del__(self):
            weak = Weak()
            reference = weakref.ref(weak, lambda _: wait())
            del weak
            return reference

    class Weak:
        pass

    gc.disable()
    owner = Owner()
    del owner


def callbacks_of_modules(wait):
    re.sub("x", lambda match: json.loads("{}", object_hook=lambda _: json.dumps(wait, default=lambda _: wait())), "x")


def class_bodies(wait):
    class Base:
        def __init_subclass__(cls):
            class Body:
                value = [wait() for _ in range(1)]

    class Derived(Base):
        pass


def generator_methods(wait):
    """close(), throw() and send() run a generator's code too."""
    def closed():
        try:
            yield
        finally:
            yield from thrown()

    def thrown():
        generator = sent()
        next(generator)
        try:
            generator.throw(KeyError())
        finally:
            yield

    def sent():
        try:
            yield
        except KeyError:
            delegate = receiving()
            next(delegate)
            delegate.send(wait)

    def receiving():
        function = yield
        function()

    generator = closed()
    next(generator)
    generator.close()


def asynchronous_generators(wait):
    async def numbers():
        try:
            yield await asyncio.sleep(0, 1)
        finally:
            async with manager():
                pass

    @contextlib.asynccontextmanager
    async def manager():
        yield [value async for value in each() if value]

    async def each():
        values = {key: [wait() async for _ in more()] async for key in more()}
        yield values

    async def more():
        yield await asyncio.sleep(0, 1)

    async def main():
        generator = numbers()
        async for _ in generator:
            await generator.aclose()

    asyncio.run(main())


def callbacks(wait):
    """A callback of the loop, called by C in a context of its own."""
    async def main():
        asyncio.get_running_loop().call_soon(functools.partial(sorted, [1], key=lambda _: wait()))
        await asyncio.sleep(60)

    asyncio.run(main())


def signal_handlers(wait):
    signal.signal(signal.SIGUSR1, lambda *_: wait())
    os.kill(os.getpid(), signal.SIGUSR1)
    sorted(range(1000))


def trace_functions(wait):
    def tracer(frame, event, argument):
        sys.settrace(None)
        wait()

    def traced():
        return 1

    sys.settrace(tracer)
    traced()


def put(name, content):
    """A file below the folder of things that were built, older than any process. Others may be writing it too."""
    path = os.path.join(BUILT, "made_by_situations", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    unfinished = "%s.%d" % (path, os.getpid())
    with open(unfinished, "wb") as file:
        file.write(content)
    os.utime(unfinished, (10**9, 10**9))
    os.replace(unfinished, path)
    return path


def imports(wait):
    """A module's code, run by an import, in a package without a file, under names of several alphabets."""
    sys.modules["waiting"] = wait
    source = "import sys\n\n\ndef \u30e1\u30a4\u30f3():\n    sys.modules['waiting']()\n\n\n\u30e1\u30a4\u30f3()\n"
    put("namespace/d\u00e9j\u00e0_\u0432\u0443/\u540d\u524d.py", source.encode())
    sys.path.insert(0, os.path.join(BUILT, "made_by_situations"))
    importlib.import_module("namespace.d\u00e9j\u00e0_\u0432\u0443.\u540d\u524d")


def zipped_imports(wait):
    """Its source is in no file of its own."""
    sys.modules["waiting"] = wait
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("zipped/__init__.py", "from . import module\n")
        file.writestr("zipped/module.py", "import sys\nsys.modules['waiting']()\n")
    sys.path.insert(0, put("archive.zip", archive.getvalue()))
    importlib.import_module("zipped")


def evaluated(wait):
    scope = {"wait": wait}
    exec("def compiled():\n return eval('[lambda: eval(\"wait()\")][0]()')", scope)
    eval(compile("compiled()", "", "eval"), scope)


def programs(wait):
    """One after the other, each with a wait in it."""
    for seed in itertools.count():
        random_programs.run(seed, wait)


def deep(wait):
    """A thousand frames, more than which the interpreter does not allow unless told to."""
    sys.setrecursionlimit(3000)

    def deeper(depth):
        return wait() if depth == 0 else deeper(depth - 1)

    deeper(1000)


def deep_in_c(wait):
    """Every step of it goes through a C function."""
    sys.setrecursionlimit(3000)

    def deeper(depth):
        return wait() if depth == 0 else sorted([depth], key=lambda value: deeper(value - 1))

    deeper(150)
