#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/frame_filter.h"
#include "symbolize/redaction.h"

namespace pyleak::cli {

enum class Action { kWarn, kLog, kCancel, kRaise };
/// Whether code of pyleak may be placed in what is watched.
enum class AgentMode { kAuto, kNone };
enum class Format { kText, kJson };
enum class ReportFormat { kText, kJson, kFolded, kSpeedscope, kChrome };
enum class ColorMode { kAuto, kAlways, kNever };

/// Which loops of a process are meant; empty lists: all of them.
struct LoopChoice {
  std::vector<std::string> kinds;
  std::vector<std::string> threads;  ///< Each a thread id or a thread's name.
};

/// How and where to say it.
struct OutputOptions {
  Format format = Format::kText;
  std::string output;   ///< As Output::Open takes it; never empty once parsed.
  bool native = false;  ///< Every native frame in a text stack.
  ColorMode color = ColorMode::kAuto;
  /// Local variables of the frames are shown but for those that it hides; none: no variables.
  std::optional<symbolize::Redaction> locals;
};

struct WatchOptions {
  std::chrono::nanoseconds threshold = std::chrono::milliseconds(200);
  std::chrono::nanoseconds check_interval = std::chrono::milliseconds(50);
  Action action = Action::kWarn;
  AgentMode agent = AgentMode::kAuto;
  std::string log_file;  ///< Empty: not given. "syslog", or as Output::Open takes it.
  OutputOptions output;
  std::optional<std::chrono::nanoseconds> duration;
  std::optional<std::uint64_t> max_blocks;
  std::uint64_t max_reports_per_minute = 60;  ///< Of text.
  std::optional<std::chrono::nanoseconds> stats_interval;
  std::vector<FrameFilter> callers;  ///< Report a block that has any of them.
  std::vector<FrameFilter> ignored;
  LoopChoice loops;
  bool children = false;
};

struct AttachOptions {
  int pid = 0;
  WatchOptions watch;
};

struct RunOptions {
  std::vector<std::string> command;  ///< At least the program.
  WatchOptions watch;
};

struct DumpOptions {
  int pid = 0;
  OutputOptions output;
  LoopChoice loops;
};

struct ListOptions {
  std::optional<int> pid;  ///< None: every process that the caller may look at.
  OutputOptions output;
};

struct DoctorOptions {
  std::optional<int> pid;  ///< None: this machine and this user.
  OutputOptions output;
};

struct ReportOptions {
  std::string file;  ///< "-" is stdin.
  ReportFormat format = ReportFormat::kText;
  std::string output;  ///< As Output::Open takes it.
  ColorMode color = ColorMode::kAuto;
};

/// Help or version: text for stdout, and nothing else to do.
struct ShowText {
  std::string text;
};

/// What the user asked for cannot be meant.
struct UsageError {
  std::string what;
  std::string hint;
};

using CommandLine = std::variant<UsageError, ShowText, AttachOptions, RunOptions, DumpOptions, ListOptions,
                                 DoctorOptions, ReportOptions>;

/// `arguments` without the program's own name.
CommandLine ParseCommandLine(const std::vector<std::string>& arguments);

}  // namespace pyleak::cli
