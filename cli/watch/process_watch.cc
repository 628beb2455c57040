#include "cli/watch/process_watch.h"

#include <algorithm>
#include <vector>

#include "attach/proc/stat.h"

namespace pyleak::cli {

using attach::HeartbeatTime;

ProcessWatch::ProcessWatch(FoundProcess found, WatchTools& tools)
    : found_(std::move(found)), tools_(tools), loops_(found_.process, tools), arrivals_(tools) {
  if (found_.without_agent) arrivals_.Stay();
  if (found_.joined_late) arrivals_.Add(found_.process);
}

void ProcessWatch::FoundAgain(FoundProcess found) {
  found_ = std::move(found);
  if (found_.without_agent) arrivals_.Stay();
}

ProcessWatch::State ProcessWatch::state() const {
  if (!found_.process->identity().StillRuns()) return State::kEnded;
  // The heartbeat may be that of the program before the one that was found.
  const auto& heartbeat = found_.heartbeat;
  const bool same_program = found_.process->RunsSameProgram() &&
                            (!heartbeat || found_.process->memory().IsSameProgram(heartbeat->agent_base()));
  if (same_program) return State::kRunning;
  const auto stat = attach::ReadStat(found_.process->pid());
  // Its memory goes a moment before it has ended, without another program in its place.
  return !stat || stat->is_exiting() ? State::kRunning : State::kOtherProgram;
}

HeartbeatTime ProcessWatch::Look() {
  if (!found_.heartbeat) return arrivals_.Look({});
  const std::vector<attach::SlotReading> readings = loops_.Read(*found_.heartbeat);
  const HeartbeatTime next_look = arrivals_.Look(readings);  // first, for what they tell of is older
  return std::min(next_look, loops_.Look(*found_.heartbeat, readings));
}

void ProcessWatch::Close(const std::string& note) {
  Look();
  loops_.Close(note);
  if (found_.heartbeat) tools_.lost_loops += found_.heartbeat->dropped_waits();
  arrivals_.Close(note);
}

void ProcessWatch::Take(const JournalThread::Verdicts& verdicts) {
  for (const BlockKey& key : verdicts.left_loops) loops_.MarkLeft(key);
  arrivals_.Take(verdicts);
}

}  // namespace pyleak::cli
