#include "cli/watch/watched_process.h"

#include <utility>

#include "attach/proc/stat.h"

namespace pyleak::cli {

Result<std::shared_ptr<WatchedProcess>> WatchedProcess::Open(const attach::ProcessIdentity& identity) {
  auto memory = attach::ProcessMemory::Open(identity);
  if (!memory) return std::move(memory).error();
  auto stat = attach::ReadStat(identity.pid());
  if (!stat) return std::move(stat).error();
  const auto program = attach::RunningProgram::Of(identity.pid());
  if (!program) return program.error();
  std::shared_ptr<WatchedProcess> process(new WatchedProcess(identity, *std::move(memory), *program));
  // The memory was opened first: what was asked for afterwards may be another program's.
  if (!process->RunsSameProgram()) {
    return Error{ErrorCode::kNoSuchProcess, "the process begins another program at this moment"};
  }
  process->name_ = stat->name;
  auto symbols = ProcessSymbols::Create(identity, process->memory_, process->program_);
  if (!symbols) return std::move(symbols).error();
  process->symbols_ = *std::move(symbols);
  process->FindInterpreter();
  return process;
}

void WatchedProcess::FindInterpreter() {
  if (interpreter_) return;
  auto found = symbols_->FindInterpreter(memory_);
  interpreter_problem_ = found ? "" : found.error().what;
  if (found && found->has_value()) {
    interpreter_ = std::make_shared<symbolize::python::Interpreter>(**std::move(found));
  }
}

}  // namespace pyleak::cli
