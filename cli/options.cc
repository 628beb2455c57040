#include "cli/options.h"

#include <algorithm>
#include <charconv>

#include "cli/duration.h"
#include "cli/help_text.h"
#include "cli/option_table.h"
#include "cli/version.h"
#include "symbolize/loop_kind.h"

namespace pyleak::cli {
namespace {

using Arguments = OptionTable::Arguments;

template <typename Number>
Result<Number> ParsePositive(const std::string& text, const std::string& what) {
  Number number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end || number <= 0) {
    return Error{ErrorCode::kInvalidArgument, "\"" + text + "\" is not " + what};
  }
  return number;
}

/// A Take that stores what `parse` makes of the value.
template <typename Parse, typename Destination>
OptionTable::Take Into(Destination& destination, Parse parse) {
  return [&destination, parse](const std::string& text) -> Result<void> {
    auto value = parse(text);
    if (!value) return std::move(value).error();
    destination = *std::move(value);
    return {};
  };
}

/// The same for a list: adds to it.
template <typename Parse, typename Element>
OptionTable::Take OntoList(std::vector<Element>& list, Parse parse) {
  return [&list, parse](const std::string& text) -> Result<void> {
    auto value = parse(text);
    if (!value) return std::move(value).error();
    list.push_back(*std::move(value));
    return {};
  };
}

Result<std::string> NonEmpty(const std::string& text) {
  if (text.empty()) return Error{ErrorCode::kInvalidArgument, "an empty value names nothing"};
  return text;
}

/// A misspelt kind would match nothing, and a gate in CI would be green for ever.
Result<std::string> KnownKind(const std::string& text) {
  const std::vector<std::string> kinds = symbolize::KnownLoopKinds();
  if (std::ranges::find(kinds, text) != kinds.end()) return text;
  std::string known;
  for (const std::string& kind : kinds) known += (known.empty() ? "" : ", ") + kind;
  return Error{ErrorCode::kInvalidArgument, "no loop is of the kind '" + text + "'; known are " + known};
}

template <typename Value>
void AddChoice(OptionTable& table, const std::string& names, const std::string& help,
               std::vector<std::pair<std::string, Value>> choices, Value& value) {
  std::string takes;
  for (const auto& choice : choices) takes += (takes.empty() ? "" : "|") + choice.first;
  const auto parse = [choices, takes](const std::string& text) -> Result<Value> {
    const auto found = std::find_if(choices.begin(), choices.end(), [&](const auto& one) { return one.first == text; });
    if (found == choices.end()) return Error{ErrorCode::kInvalidArgument, "\"" + text + "\" is none of " + takes};
    return found->second;
  };
  table.Add(names, takes, help, "choose one of " + takes, Into(value, parse));
}

template <typename Destination>
void AddDuration(OptionTable& table, const std::string& names, const std::string& help, Destination& value) {
  table.Add(names, "DURATION", help, "write a duration as 0.2, 0.2s, 200ms, 50us or 2m; a bare number is seconds",
            Into(value, [](const std::string& text) { return ParseDuration(text); }));
}

void AddAgentMode(OptionTable& table, AgentMode& agent) {
  AddChoice(table, "--agent", "none: look from outside only, less exactly, and write nothing into the process [auto]",
            {{"auto", AgentMode::kAuto}, {"none", AgentMode::kNone}}, agent);
}

void AddFilter(OptionTable& table, const std::string& name, const std::string& help, std::vector<FrameFilter>& list) {
  table.Add(name, "FILE[:NAME[:LINE]]", help, "write it as app.py, app.py:handle or app.py:handle:42",
            OntoList(list, [](const std::string& text) { return FrameFilter::Parse(text); }), Repeated::kEachCounts);
}

void AddLoopChoice(OptionTable& table, LoopChoice& choice) {
  table.Add("--loop", "KIND", "Only loops of this kind: asyncio, node, libuv, ...; may repeat",
            "`pyleak list` shows the loops and their kinds", OntoList(choice.kinds, KnownKind), Repeated::kEachCounts);
  table.Add("--thread", "TID-or-NAME", "Only the loops of this thread; may repeat",
            "`pyleak list` shows the loops and their threads", OntoList(choice.threads, NonEmpty),
            Repeated::kEachCounts);
}

void AddDestination(OptionTable& table, std::string& output, ColorMode& color, const std::string& default_output) {
  table.Add("-o,--output", "FILE", "Where to; - is stdout, fd:N an open descriptor [" + default_output + "]",
            "name a file, - or fd:N", Into(output, NonEmpty));
  AddChoice(table, "--color", "Colours; NO_COLOR and CLICOLOR_FORCE are honoured [auto]",
            {{"auto", ColorMode::kAuto}, {"always", ColorMode::kAlways}, {"never", ColorMode::kNever}}, color);
}

void AddOutputOptions(OptionTable& table, OutputOptions& options, const std::string& default_output) {
  AddChoice(table, "-f,--format", "For people, or JSON Lines for programs [text]",
            {{"text", Format::kText}, {"json", Format::kJson}}, options.format);
  AddDestination(table, options.output, options.color, default_output);
}

/// What the options that say how much of a stack is shown are given as.
struct StackDetail {
  bool locals = false;
  std::vector<std::string> redacted;
};

void AddStackDetail(OptionTable& table, OutputOptions& options, StackDetail& detail) {
  table.AddFlag("--native", options.native, "Every native frame in the text, not just the innermost ones");
  table.AddFlag("--locals", detail.locals, "Local variables of Python frames, shortened");
  table.Add("--redact", "NAME", "Do not show what has NAME in its name; passwords and the like are never shown",
            "name a part of a variable's, an attribute's or a key's name", OntoList(detail.redacted, NonEmpty),
            Repeated::kEachCounts);
}

std::optional<UsageError> TakeStackDetail(const StackDetail& detail, OutputOptions& options) {
  if (detail.locals) options.locals = symbolize::Redaction(detail.redacted);
  if (detail.locals || detail.redacted.empty()) return std::nullopt;
  return UsageError{"--redact is for --locals only", "add --locals, or leave --redact out"};
}

template <typename Destination>
void AddPid(OptionTable& table, Destination& pid) {
  table.Add("pid", "PID", "", "give the number of a process, as `pgrep -f NAME` and `pyleak list` print it",
            Into(pid, [](const std::string& text) { return ParsePositive<int>(text, "a process id"); }));
}

void AddWatchOptions(OptionTable& table, WatchOptions& watch, StackDetail& detail, bool is_run) {
  table.BeginGroup("What to report");
  AddDuration(table, "-t,--threshold", "Least block to report [200ms]", watch.threshold);
  AddDuration(table, "-i,--check-interval", "How often to look at an idle loop [50ms]", watch.check_interval);
  AddFilter(table, "--caller", "Only blocks with such a frame on the stack; may repeat", watch.callers);
  AddFilter(table, "--ignore", "No blocks whose innermost user frame is this; may repeat", watch.ignored);
  AddLoopChoice(table, watch.loops);
  table.AddFlag("--children,!--no-children", watch.children,
                std::string("Follow child processes, or do not [") + (is_run ? "--children]" : "--no-children]"));
  AddAgentMode(table, watch.agent);

  table.BeginGroup("When to stop");
  AddDuration(table, "-d,--duration", "Stop after this time", watch.duration);
  table.Add("-n,--max-blocks", "N", "Stop after this many blocks", "give a whole number greater than zero",
            Into(watch.max_blocks,
                 [](const std::string& text) { return ParsePositive<std::uint64_t>(text, "a number of blocks"); }));

  table.BeginGroup("How to report");
  AddChoice(table, "-a,--action", "What to do about a block [warn]",
            {{"warn", Action::kWarn}, {"log", Action::kLog}, {"cancel", Action::kCancel}, {"raise", Action::kRaise}},
            watch.action);
  AddOutputOptions(table, watch.output, is_run ? "stderr" : "stdout");
  AddStackDetail(table, watch.output, detail);
  table.Add("--max-reports-per-minute", "N", "So many blocks in text at most, the others are counted [60]",
            "give a whole number greater than zero", Into(watch.max_reports_per_minute, [](const std::string& text) {
              return ParsePositive<std::uint64_t>(text, "a number of blocks");
            }));
  AddDuration(table, "--stats-interval", "Statistics of each loop this often [none]", watch.stats_interval);
  table.Add("--log-file", "FILE", "Where --action log writes; syslog is the system log [stderr]",
            "name a file, syslog, - or fd:N", Into(watch.log_file, NonEmpty));
}

/// Where a command without --output writes.
void SetDefaultOutput(OutputOptions& options, const char* name) {
  if (options.output.empty()) options.output = name;
}

/// Oftener, a watch would be busy with its own statistics.
constexpr std::chrono::milliseconds kLeastStatsInterval(10);

std::optional<UsageError> Contradiction(const WatchOptions& watch) {
  if (watch.stats_interval && *watch.stats_interval < kLeastStatsInterval) {
    return UsageError{"--stats-interval is too short for statistics", "give 10ms at least"};
  }
  if (!watch.log_file.empty() && watch.action != Action::kLog) {
    return UsageError{"--log-file is for --action log only", "add --action log, or use --output"};
  }
  if (watch.action == Action::kLog && watch.output.format == Format::kText && !watch.output.output.empty()) {
    return UsageError{"--action log writes to --log-file, not to --output",
                      "use --log-file, or add --format json to have the events in --output"};
  }
  return std::nullopt;
}

/// What to do instead of the command's own work; nullopt: go on.
std::optional<CommandLine> ParseWith(OptionTable& table, const Arguments& arguments) {
  const auto outcome = table.Parse(arguments);
  if (const auto* help = std::get_if<OptionTable::Help>(&outcome)) return ShowText{help->text};
  if (const auto* mistake = std::get_if<OptionTable::Mistake>(&outcome))
    return UsageError{mistake->what, mistake->hint};
  return std::nullopt;
}

CommandLine ParseAttach(const Arguments& arguments) {
  OptionTable table("attach", help::kAttach, help::kAttachExamples);
  AttachOptions options;
  AddPid(table, options.pid);
  StackDetail detail;
  AddWatchOptions(table, options.watch, detail, false);
  if (auto instead = ParseWith(table, arguments)) return *instead;
  if (options.pid == 0) return UsageError{"attach: no process id given", "pyleak attach PID; `pyleak list` finds some"};
  if (auto error = Contradiction(options.watch)) return *error;
  if (auto error = TakeStackDetail(detail, options.watch.output)) return *error;
  SetDefaultOutput(options.watch.output, "-");
  return options;
}

CommandLine ParseRun(const Arguments& arguments) {
  OptionTable table("run", help::kRun, help::kRunExamples);
  RunOptions options;
  options.watch.children = true;
  StackDetail detail;
  AddWatchOptions(table, options.watch, detail, true);
  const auto end = arguments.begin() + static_cast<std::ptrdiff_t>(table.OptionsEnd(arguments));
  if (auto instead = ParseWith(table, Arguments(arguments.begin(), end))) return *instead;
  const bool has_mark = end != arguments.end() && *end == "--";
  options.command.assign(has_mark ? end + 1 : end, arguments.end());
  if (options.command.empty()) return UsageError{"run: no program given", "pyleak run -- CMD [ARG]..."};
  if (auto error = Contradiction(options.watch)) return *error;
  if (auto error = TakeStackDetail(detail, options.watch.output)) return *error;
  SetDefaultOutput(options.watch.output, "fd:2");
  return options;
}

CommandLine ParseDump(const Arguments& arguments) {
  OptionTable table("dump", help::kDump, help::kDumpExamples);
  DumpOptions options;
  AddPid(table, options.pid);
  AddLoopChoice(table, options.loops);
  AddOutputOptions(table, options.output, "stdout");
  StackDetail detail;
  AddStackDetail(table, options.output, detail);
  if (auto instead = ParseWith(table, arguments)) return *instead;
  if (options.pid == 0) return UsageError{"dump: no process id given", "pyleak dump PID; `pyleak list` finds some"};
  if (auto error = TakeStackDetail(detail, options.output)) return *error;
  SetDefaultOutput(options.output, "-");
  return options;
}

/// list and doctor, which have the same options.
template <typename Options>
CommandLine ParseLook(OptionTable table, const Arguments& arguments) {
  Options options;
  AddPid(table, options.pid);
  AddOutputOptions(table, options.output, "stdout");
  if (auto instead = ParseWith(table, arguments)) return *instead;
  SetDefaultOutput(options.output, "-");
  return options;
}

CommandLine ParseReport(const Arguments& arguments) {
  OptionTable table("report", help::kReport, help::kReportExamples);
  ReportOptions options;
  options.output = "-";
  table.Add("file", "FILE", "", "give a file that --format json wrote, or - for standard input",
            Into(options.file, NonEmpty));
  AddChoice(table, "-f,--format", "For people, for programs, or for a viewer of stacks [text]",
            {{"text", ReportFormat::kText},
             {"json", ReportFormat::kJson},
             {"folded", ReportFormat::kFolded},
             {"speedscope", ReportFormat::kSpeedscope},
             {"chrome", ReportFormat::kChrome}},
            options.format);
  AddDestination(table, options.output, options.color, "stdout");
  if (auto instead = ParseWith(table, arguments)) return *instead;
  if (options.file.empty()) return UsageError{"report: no file given", "pyleak report FILE; - is standard input"};
  return options;
}

}  // namespace

CommandLine ParseCommandLine(const Arguments& arguments) {
  if (arguments.empty()) return UsageError{"no command", "pyleak attach PID, or pyleak run -- CMD; see pyleak --help"};
  const std::string& command = arguments.front();
  const Arguments rest(arguments.begin() + 1, arguments.end());
  if (command == "attach") return ParseAttach(rest);
  if (command == "run") return ParseRun(rest);
  if (command == "dump") return ParseDump(rest);
  if (command == "list") return ParseLook<ListOptions>({"list", help::kList, help::kListExamples}, rest);
  if (command == "doctor") return ParseLook<DoctorOptions>({"doctor", help::kDoctor, help::kDoctorExamples}, rest);
  if (command == "report") return ParseReport(rest);
  if (command == "-h" || command == "--help") return ShowText{help::kPyleak};
  if (command == "-V" || command == "--version") return ShowText{std::string("pyleak ") + Version() + "\n"};
  if (ParsePositive<int>(command, "").ok()) {
    return UsageError{"\"" + command + "\" is a process, not a command", "pyleak attach " + command};
  }
  return UsageError{"there is no command \"" + command + "\"",
                    "the commands are attach, run, dump, list, doctor and report"};
}

}  // namespace pyleak::cli
