#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "attach/memory/process_memory.h"
#include "symbolize/elf/module_map.h"
#include "tests/support/child.h"
#include "tests/support/stack_copy.h"

namespace pyleak::symbolize {

/// A program that has said that it is ready and has fallen asleep.
class SleepingChild : public testing_support::Child {
 public:
  explicit SleepingChild(const std::vector<std::string>& command) : Child(command) {
    std::string line = ReadLine();
    // Each says so in its own words; "eady" is in all of them.
    while (!line.empty() && line.find("eady") == std::string::npos) line = ReadLine();
    if (line.empty()) ADD_FAILURE() << command.front() << " is not ready";
    testing_support::WaitUntilAsleep({pid(), pid()});
  }
};

/// ... and what is needed to look at its main thread.
struct Target {
  explicit Target(const std::vector<std::string>& command) : child(command) {}

  /// Afterwards the thread is back in its wait, for the next one who looks.
  attach::StackSnapshot CopyStack() {
    const attach::ThreadId thread{child.pid(), child.pid()};
    attach::StackSnapshot copy = testing_support::CopyStack(thread, memory);
    testing_support::WaitUntilAsleep(thread);
    return copy;
  }

  SleepingChild child;
  attach::ProcessIdentity identity = *attach::ProcessIdentity::Open(child.pid());
  attach::ProcessMemory memory = *attach::ProcessMemory::Open(identity);
  ModuleMap modules = *ModuleMap::Read(identity, memory);
};

}  // namespace pyleak::symbolize
