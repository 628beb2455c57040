#include "tests/support/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

namespace pyleak::testing_support {
namespace {

using Clock = std::chrono::steady_clock;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
    read = UniqueFd(ends[0]);
    write = UniqueFd(ends[1]);
  }
  UniqueFd read;
  UniqueFd write;
};

}  // namespace

Child::Child(const std::vector<std::string>& arguments) {
  Pipe input;
  Pipe output;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input.read.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output.write.get(), STDOUT_FILENO);
  std::vector<char*> raw;
  for (const std::string& argument : arguments) raw.push_back(const_cast<char*>(argument.c_str()));
  raw.push_back(nullptr);
  if (::posix_spawnp(&pid_, raw[0], &actions, nullptr, raw.data(), environ) != 0) {
    std::fprintf(stderr, "cannot start %s\n", raw[0]);
    std::abort();
  }
  ::posix_spawn_file_actions_destroy(&actions);
  input_ = std::move(input.write);
  output_ = std::move(output.read);
}

Child::~Child() {
  ::kill(pid_, SIGKILL);  // cannot hit anybody else: the pid is ours until it has been reaped
  ::waitpid(pid_, nullptr, 0);
}

void Child::WriteLine(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(input_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
}

std::string Child::ReadLine(std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  while (pending_.find('\n') == std::string::npos && ReadMore(deadline)) continue;
  const std::size_t length = std::min(pending_.find('\n'), pending_.size());
  std::string line = pending_.substr(0, length);
  pending_.erase(0, length + 1);
  return line;
}

std::string Child::ReadAll(std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  while (ReadMore(deadline)) continue;
  return std::exchange(pending_, {});
}

bool Child::ReadMore(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  pollfd readable{output_.get(), POLLIN, 0};
  if (left.count() <= 0 || ::poll(&readable, 1, static_cast<int>(left.count())) <= 0) return false;
  std::array<char, 4096> chunk{};
  const ssize_t count = ::read(output_.get(), chunk.data(), chunk.size());
  if (count <= 0) return false;
  pending_.append(chunk.data(), static_cast<std::size_t>(count));
  return true;
}

}  // namespace pyleak::testing_support
