#pragma once

/// What --help says before and behind the list of options.
namespace pyleak::cli::help {

inline constexpr const char* kPyleak = R"(Usage: pyleak COMMAND [OPTIONS] ...

Finds what blocks the event loop of a running process (asyncio, uvloop, Node, libuv, libevent, libev, GLib, plain
epoll, ...), from outside: no code change, no restart.

Commands:
  attach PID                      Watch a running process
  run [--] CMD [ARG]...           Start a program and watch it and its children
  dump PID                        Look once: every event loop of a process and its stack
  list [PID]                      The event loops of a process, or of all processes
  doctor [PID]                    May it be watched, and if not, why not and what would help
  report FILE                     What recorded JSON Lines say in all: worst blocks, stacks, totals

Options:
  -h, --help                      Show this help and exit
  -V, --version                   Show the version and exit

Examples:
  pyleak attach 4242
  pyleak run -- python3 service.py
  pyleak attach 4242 --format json | jq .duration

`pyleak COMMAND --help` lists the options of a command; pyleak(1) explains them.
)";

inline constexpr const char* kAttach = R"(Usage: pyleak attach [OPTIONS] PID

Watches the event loops of process PID and reports each iteration that lasts longer than the threshold, with its stack
and its cause. Ends with the process, on Ctrl-C or SIGTERM, or as --duration and --max-blocks say.)";
inline constexpr const char* kAttachExamples = R"(Examples:
  pyleak attach 4242 --threshold 50ms
  pyleak attach 4242 --duration 30s --action raise       exit status 3 if anything blocked
  pyleak attach 4242 --format json --output blocks.jsonl
  pyleak attach 4242 --caller app.py:handle_request --ignore startup.py)";

inline constexpr const char* kRun = R"(Usage: pyleak run [OPTIONS] [--] CMD [ARG]...

Starts CMD and watches its event loops and those of its children from the first iteration on. Input, terminal, signals
and exit status are those of CMD. What follows the first argument that is no option belongs to CMD.)";
inline constexpr const char* kRunExamples = R"(Examples:
  pyleak run -- uvicorn --workers 4 app:app
  pyleak run --threshold 20ms -o blocks.txt node server.js
  pyleak run --action raise -- pytest tests/             a gate in CI: exit status 3 if a loop was blocked)";

inline constexpr const char* kDump = R"(Usage: pyleak dump [OPTIONS] PID

Looks at process PID once: every event loop, waiting or blocked, since when, and its stack.)";
inline constexpr const char* kDumpExamples = R"(Examples:
  pyleak dump 4242
  pyleak dump 4242 --native
  pyleak dump 4242 --format json | jq '.blocking_stack[-1]')";

inline constexpr const char* kList = R"(Usage: pyleak list [OPTIONS] [PID]

Lists the event loops of process PID, or of every process that you may look at.)";
inline constexpr const char* kListExamples = R"(Examples:
  pyleak list
  pyleak list 4242 --format json)";

inline constexpr const char* kReport = R"(Usage: pyleak report [OPTIONS] FILE

Reads what `pyleak attach --format json --output FILE` or `pyleak run` recorded: totals, the stacks with most blocked
time, the longest blocks; or the same for other programs. FILE - is standard input.)";
inline constexpr const char* kReportExamples = R"(Examples:
  pyleak report blocks.jsonl
  pyleak report blocks.jsonl --format folded | inferno-flamegraph > blocks.svg
  pyleak report blocks.jsonl --format speedscope -o blocks.speedscope.json
  pyleak report blocks.jsonl --format json | jq '.groups[0]')";

inline constexpr const char* kDoctor = R"(Usage: pyleak doctor [OPTIONS] [PID]

Says whether process PID may be watched, and if not, why not and what would help; without PID, what you may do on this
machine. Changes nothing, and stops no thread. Exit status 1 if there is a problem.)";
inline constexpr const char* kDoctorExamples = R"(Examples:
  pyleak doctor 4242
  sudo pyleak doctor 4242
  pyleak doctor 4242 --format json | jq 'select(.verdict == "problem")')";

}  // namespace pyleak::cli::help
