#include "symbolize/loop_kind.h"

#include <algorithm>
#include <array>
#include <ranges>
#include <string_view>

namespace pyleak::symbolize {
namespace {

using Names = std::array<std::string_view, 4>;

/// A native event loop library.
struct Library {
  std::string_view kind;
  Names modules;    ///< What the file's name begins with, or, with a slash, what its path contains.
  Names callers;    ///< Functions that make the wait call, where it is linked into the program.
  Names functions;  ///< Functions that stay on the stack while callbacks run.
};

/// In order: uvloop and Node run on a libuv, gevent on a libev or libuv.
constexpr std::array kLibraries{
    Library{"uvloop", {"/uvloop/"}, {}, {}},
    Library{"gevent", {"/gevent/"}, {}, {}},
    Library{"node", {"libnode."}, {}, {}},
    Library{"libuv", {"libuv."}, {"uv__io_poll"}, {"uv_run"}},
    Library{"libevent", {"libevent"}, {"epoll_dispatch", "poll_dispatch", "select_dispatch"}, {"event_base_loop"}},
    Library{"libev", {"libev."}, {"epoll_poll", "poll_poll", "select_poll", "linuxaio_poll"}, {"ev_run", "ev_loop"}},
    Library{"glib",
            {"libglib-2.0."},
            {"g_poll", "g_main_context_iterate"},
            {"g_main_context_iterate", "g_main_loop_run", "g_main_context_iteration"}},
    Library{"redis",
            {"redis-server", "valkey-server"},
            {"aeApiPoll", "aeProcessEvents", "aeMain"},
            {"aeProcessEvents", "aeMain"}},
    Library{"nginx", {"nginx"}, {"ngx_epoll_process_events"}, {"ngx_process_events_and_timers"}},
    Library{"asio",
            {},
            {"boost::asio::detail::epoll_reactor::run", "asio::detail::epoll_reactor::run"},
            {"boost::asio::detail::scheduler::run", "asio::detail::scheduler::run"}},
};

/// Libraries that poll for an answer of their own.
constexpr std::array<std::string_view, 10> kClients{"libcurl", "libpq.",  "libmysqlclient", "libmariadb", "libresolv",
                                                    "libldap", "libxcb.", "libX11.",        "_socket.",   "_ssl."};

/// A Python library, told by where its files lie.
struct PythonLibrary {
  std::string_view kind;  ///< Empty: it waits for one answer.
  std::string_view path;
};

constexpr std::array kPythonLibraries{
    PythonLibrary{"trio", "/trio/_core/"},
    PythonLibrary{"twisted", "/twisted/internet/"},
    PythonLibrary{"eventlet", "/eventlet/"},
    PythonLibrary{"gevent", "/gevent/"},
    PythonLibrary{"tornado", "/tornado/platform/"},
    PythonLibrary{"tornado", "/tornado/ioloop.py"},
    PythonLibrary{"asyncio", "/asyncio/base_events.py"},
    PythonLibrary{"asyncio", "/nest_asyncio.py"},  // Has the loop's code anew, so that it can be entered again.
    PythonLibrary{"", "/subprocess.py"},
    PythonLibrary{"", "/multiprocessing/"},
    PythonLibrary{"", "/concurrent/futures/"},
    PythonLibrary{"", "/http/client.py"},
    PythonLibrary{"", "/urllib3/"},
    PythonLibrary{"", "/socket.py"},
};

std::string_view FileName(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool IsModule(const Library& library, std::string_view path) {
  return std::ranges::any_of(library.modules, [&](std::string_view name) {
    if (name.empty()) return false;
    return name.front() == '/' ? path.find(name) != std::string_view::npos : FileName(path).starts_with(name);
  });
}

/// `function` may be followed by its parameters, as C++ has it. Nothing is left of one in an anonymous namespace, which
/// is no library's.
bool IsAmong(const Names& names, std::string_view function) {
  const std::string_view name = function.substr(0, function.find('('));
  return !name.empty() && std::ranges::find(names, name) != names.end();
}

const Library* LibraryOf(const WaitCaller& caller) {
  const auto found = std::ranges::find_if(kLibraries, [&](const Library& library) {
    return IsModule(library, caller.module) || IsAmong(library.callers, caller.function);
  });
  return found == kLibraries.end() ? nullptr : &*found;
}

const PythonLibrary* LibraryOf(const Frame& frame) {
  const auto found = std::ranges::find_if(kPythonLibraries, [&](const PythonLibrary& library) {
    return frame.filename.find(library.path) != std::string::npos;
  });
  return found == kPythonLibraries.end() ? nullptr : &*found;
}

bool IsOnStack(const Stack& python, std::string_view kind) {
  return std::ranges::any_of(python.frames, [&](const Frame& frame) {
    const PythonLibrary* library = LibraryOf(frame);
    return library != nullptr && library->kind == kind;
  });
}

/// Who asks Python's select module: the innermost frame that is not of the selectors module in between.
LoopKind IdentifyPythonLoop(const Stack& python) {
  for (auto at = python.frames.rbegin(); at != python.frames.rend(); ++at) {
    const Frame& frame = *at;
    if (frame.filename.ends_with("/selectors.py")) continue;
    const PythonLibrary* library = LibraryOf(frame);
    if (library == nullptr) return {};
    if (library->kind.empty()) return {"generic", LoopKind::Verdict::kNotLoop};
    // Tornado and Twisted may run on asyncio's loop; it is theirs then.
    for (const std::string_view outer : {"tornado", "twisted"}) {
      if (IsOnStack(python, outer)) return {std::string(outer), LoopKind::Verdict::kLoop};
    }
    return {std::string(library->kind), LoopKind::Verdict::kLoop};
  }
  return {};
}

bool IsPythonKind(std::string_view kind) {
  return std::ranges::any_of(kPythonLibraries, [&](const PythonLibrary& library) { return library.kind == kind; });
}

/// node and its descendants (electron) have libuv inside, and its symbols.
bool IsNode(std::string_view module) {
  return FileName(module).starts_with("node") || FileName(module).starts_with("libnode");
}

}  // namespace

std::vector<std::string> KnownLoopKinds() {
  std::vector<std::string> kinds{"generic", "node"};
  for (const Library& library : kLibraries) kinds.emplace_back(library.kind);
  for (const PythonLibrary& library : kPythonLibraries) {
    if (!library.kind.empty()) kinds.emplace_back(library.kind);
  }
  std::ranges::sort(kinds);
  kinds.erase(std::unique(kinds.begin(), kinds.end()), kinds.end());
  return kinds;
}

bool IsPythonSelect(const WaitCaller& caller) {
  const std::string_view file = FileName(caller.module);
  return file.starts_with("python") || file.starts_with("libpython") || file.starts_with("select.");
}

LoopKind IdentifyLoop(const WaitCaller& caller, const Stack& python) {
  if (IsPythonSelect(caller)) return IdentifyPythonLoop(python);
  if (const Library* library = LibraryOf(caller)) {
    if (IsNode(caller.module)) return {"node", LoopKind::Verdict::kLoop};
    return {std::string(library->kind), LoopKind::Verdict::kLoop};
  }
  const bool client =
      std::ranges::any_of(kClients, [&](std::string_view name) { return FileName(caller.module).starts_with(name); });
  return {"generic", client ? LoopKind::Verdict::kNotLoop : LoopKind::Verdict::kUnknown};
}

LoopOnStack IsLoopOnStack(const LoopKind& kind, const WaitCaller& caller, const Stack& native, const Stack& python) {
  // A greenlet has a stack of its own, on which the hub's frames are not. Without any the interpreter ends.
  if (kind.name == "gevent" || kind.name == "eventlet") {
    return python.complete && python.frames.empty() ? LoopOnStack::kNo : LoopOnStack::kUnknown;
  }
  if (IsPythonSelect(caller)) {
    if (kind.verdict != LoopKind::Verdict::kLoop || !IsPythonKind(kind.name)) return LoopOnStack::kUnknown;
    if (IsOnStack(python, kind.name)) return LoopOnStack::kYes;
    return python.complete ? LoopOnStack::kNo : LoopOnStack::kUnknown;
  }
  const Library* library = LibraryOf(caller);
  if (library == nullptr) return LoopOnStack::kUnknown;
  const bool shared_object = IsModule(*library, caller.module);
  const bool on_stack = std::ranges::any_of(native.frames, [&](const Frame& frame) {
    return IsAmong(library->functions, frame.name) || (shared_object && IsModule(*library, frame.module));
  });
  if (on_stack) return LoopOnStack::kYes;
  // Linked into the program, its functions may have been inlined or stripped of their names.
  return native.complete && shared_object ? LoopOnStack::kNo : LoopOnStack::kUnknown;
}

std::optional<std::string> LoopOfStack(const Stack& native, const Stack& python) {
  for (const Library& library : kLibraries) {
    for (const Frame& frame : native.frames) {
      const bool in_module = library.functions.front().empty() && IsModule(library, frame.module);
      if (!in_module && !IsAmong(library.functions, frame.name)) continue;
      return IsNode(frame.module) ? "node" : std::string(library.kind);
    }
  }
  for (const PythonLibrary& library : kPythonLibraries) {
    if (!library.kind.empty() && IsOnStack(python, library.kind)) return std::string(library.kind);
  }
  return std::nullopt;
}

}  // namespace pyleak::symbolize
