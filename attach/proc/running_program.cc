#include "attach/proc/running_program.h"

#include <utility>

#include "attach/proc/living_thread.h"
#include "attach/proc/stat.h"

namespace pyleak::attach {

Result<RunningProgram> RunningProgram::Of(int pid) {
  auto process = ReadStat(pid);
  if (!process) return std::move(process).error();
  auto living = ReadStat(pid, LivingThread(pid));
  if (!living) return std::move(living).error();
  return RunningProgram{pid, process->start_ticks, RemoteAddress(living->stack_start)};
}

}  // namespace pyleak::attach
