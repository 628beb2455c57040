"""Programs made up at random: a chain of functions of all kinds, each of which calls the next one in some way of the
language's, down to wait(), once."""

import contextlib
import functools
import random

# Ways to have `{0}`, an expression, evaluated; the last ones in a scope of its own, into which neither yield nor await
# can be carried.
EXPRESSIONS = [
    "{0}",
    "({0})",
    "[{0}][0]",
    "({0} or None)",
    "(1 if {0} else 2)",
    "(not {0})",
    "str({0})",
    "identity(\n        {0}\n        )",
    "identity(1,\n    {0},\n\n  # A comment.\n    name=2\n    )",
    "({0} ==\n  (0))",
    "f'{{ {0} }}'",
    "dict(**{{'a': {0}}})",
    "identity(*[1, {0}, *(2, 3)])",
    "Chain().link(1)\\\n        .link({0}).link(3)",
    "identity('%s', {0})" % ("x" * 150),
    "identity('%s', {0})" % ("y" * 300),
]
SCOPES = [
    "[{0} for _ in range(1)]",
    "{{str({0}): 1 for _ in [1] if True}}",
    "{{str({0})\n   for _ in [1]\n   for _ in [2]}}",
    "next({0} for _ in (1,))",
    "(lambda: {0})()",
    "(lambda *positional, **named: [1, {0}])(\n    1, b=2)",
    "sorted([1], key=lambda _: {0})",
    "list(map(lambda _: {0}, [1]))",
    "functools.reduce(lambda left, right: {0}, [1, 2])",
    "functools.partial(lambda _: {0}, 1)()",
    "Chain()[lambda: {0}]",
]
# Statements around an expression, which begin in the first column.
STATEMENTS = [
    "value = {0}",
    "{0}",
    "value, *rest = 1, {0}",
    "(value :=\n {0})",
    "assert [{0}]",
    "if {0}:\n    pass\nelse:\n    value = 1",
    "while [{0}]:\n    break",
    "for value in [{0}]:\n    continue",
    "try:\n    value = 1\nfinally:\n    {0}",
    "try:\n    raise KeyError\nexcept KeyError as error:\n    {0}",
    "try:\n    {0}\nexcept ValueError:\n    pass\nelse:\n    value = 2",
    "with manager(1), \\\n     manager({0}):\n    value = 3",
    "with manager(1):\n    with manager(2): {0}",
    "def inner(default={0}):\n    pass",
    "@decorator({0})\ndef inner(\n    argument=1):\n    pass",
    "class Inner(Chain):\n    value = 1\n    other = {0}",
    "if True: value = 1; {0}; value = 2",
    "Chain().attribute = \\\n    {0}",
    "Chain()[{0}:2]",
    "value = 1\nvalue += len(\n    [{0}])",
]
KINDS = ["plain", "generator", "coroutine", "asynchronous generator", "decorated", "method", "property", "closure",
         "destructor", "recursive"]


def identity(*positional, **named):
    return positional


def decorator(*_):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*positional, **named):
            return function(*positional, **named)

        return wrapper

    return decorate


@contextlib.contextmanager
def manager(value):
    try:
        yield value
    finally:
        pass


class Chain:
    def link(self, *_):
        return self

    def __getitem__(self, key):
        return key() if callable(key) else None


def drive(coroutine):
    """Runs a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value


async def collect(generator):
    return [value async for value in generator]


class Writer:
    """Writes one program."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lines = ["# Program %d" % seed]

    def program(self):
        kinds = [self.random.choice(KINDS) for _ in range(self.random.randrange(1, 12))]
        for number, kind in enumerate(kinds):
            within = "coroutine" if kind == "asynchronous generator" else kind
            following = kinds[number + 1] if number + 1 < len(kinds) else None
            self.function(number, kind, self.call(number + 1, following, within))
        self.lines += [""] * self.random.choice([0, 1, 200])
        self.lines += self.statement(self.call(0, kinds[0], None))
        return "\n".join(self.lines) + "\n"

    def function(self, number, kind, call):
        """Appends function `number`, whose body makes `call`."""
        self.lines += [""] * self.random.choice([0, 1, 2, 130, 300])
        name = "function_%d" % number
        heads = {
            "coroutine": ["async def %s():" % name],
            "asynchronous generator": ["async def %s():" % name],
            "decorated": ["@decorator(", "  1)", "@decorator()", "def %s():" % name],
            "method": ["class Class_%d:" % number, "  def %s(self):" % name],
            "property": ["class Class_%d:" % number, "  @property", "  def %s(self):" % name],
            "closure": ["def outer_%d(free):" % number, " def %s():" % name, "      free"],
            "destructor": ["class Class_%d:" % number, "  def __del__(self):"],
            "recursive": ["def %s(depth=20):" % name, "      if depth > 0: return %s(depth - 1)" % name],
        }
        self.lines += heads.get(kind, ["def %s():" % name])
        body = ["value = %d" % line for line in range(self.random.choice([0, 1, 3]))] + self.statement(call)
        if "generator" in kind:
            body += ["yield 1"]
        self.lines += ["      " + line for line in body]
        if kind == "closure":
            self.lines.append(" return " + name)

    def call(self, number, kind, within):
        """An expression that calls function `number`, of that kind, in a function of kind `within`."""
        if kind is None:
            return "wait()"
        name = "function_%d" % number
        instance = "Class_%d()" % number
        ways = {
            "generator": ["list(%s())" % name, "next(%s())" % name, "[*%s()]" % name],
            "coroutine": ["drive(%s())" % name],
            "asynchronous generator": ["drive(collect(%s()))" % name],
            "method": ["%s.%s()" % (instance, name), "functools.partial(%s.%s)()" % (instance, name)],
            "property": ["%s.%s" % (instance, name), "getattr(%s, '%s')" % (instance, name)],
            "closure": ["outer_%d(1)()" % number],
            "destructor": ["id(%s)" % instance],
        }.get(kind, ["%s()" % name, "eval('%s()')" % name])
        if kind == "generator" and within == "generator":
            ways = ["(yield from %s())" % name]
        if kind == "coroutine" and within == "coroutine":
            ways = ["(await %s())" % name]
        if kind == "asynchronous generator" and within == "coroutine":
            ways = ["[value async for value in %s()]" % name]
        return self.random.choice(ways)

    def statement(self, expression):
        scoped = any(word in expression for word in ("await", "yield", "async"))
        for _ in range(self.random.randrange(4)):
            choices = EXPRESSIONS if scoped or self.random.random() < 0.5 else SCOPES
            if "\n" in expression or "'" in expression or "\\" in expression:
                choices = [choice for choice in choices if not choice.startswith("f'")]
            expression = self.random.choice(choices).format(expression)
        choices = [choice for choice in STATEMENTS if not (scoped and choice.startswith("class"))]
        return self.random.choice(choices).format(expression).split("\n")


def run(seed, wait):
    source = Writer(seed).program()
    names = ("functools", "identity", "decorator", "manager", "Chain", "drive", "collect")
    scope = dict({name: globals()[name] for name in names}, wait=wait)
    exec(compile(source, "<program %d>" % seed, "exec"), scope)
