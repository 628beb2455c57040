#include "tests/targets/native/control.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <thread>

#include "tests/targets/native/blocks.h"

namespace pyleak::targets {
namespace {

volatile std::sig_atomic_t signals = 0;

void CountSignal(int /*number*/) { signals = signals + 1; }

[[noreturn]] void Become(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) & ~O_NONBLOCK);  // as it was
  execv(arguments[0], arguments.data());
  std::perror(arguments[0]);
  _exit(127);
}

[[noreturn]] void BecomeAside(const std::vector<std::string>& words) {
  std::thread([&] { Become(words); }).join();
  std::abort();
}

/// One write a line: several threads and processes share stdout.
void Say(const std::string& line) {
  if (write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) _exit(1);
}

void SayBlock(const BlockFact& fact, std::string_view kind) {
  Say(fmt::format(
      R"({{"event": "block", "kind": "{}", "begin_ns": {}, "end_ns": {}, "pid": {}, "tid": {}, "error": {}, )"
      R"("cpu_ns": {}, "runqueue_ns": {}, "object": "{}", "stack": [{{"filename": "{}", "lineno": {}, "name": "{}"}}]}})"
      "\n",
      kind, fact.begin_ns, fact.end_ns, getpid(), gettid(), fact.error, fact.cpu_ns, fact.runqueue_ns, fact.object,
      fact.filename, fact.line, fact.name));
}

}  // namespace

Control::Control(int input) : input_(input) {
  fcntl(input, F_SETFL, fcntl(input, F_GETFL) | O_NONBLOCK);
  struct sigaction action = {};
  action.sa_handler = CountSignal;  // Without SA_RESTART: a signal must interrupt the wait.
  sigaction(SIGUSR1, &action, nullptr);
}

void Control::SayReady(std::string_view kind) const {
  Say(fmt::format(R"({{"event": "ready", "loop": "{}", "pid": {}, "tid": {}}})"
                  "\n",
                  kind, getpid(), gettid()));
}

bool Control::Obey() {
  char buffer[4096];
  const ssize_t count = read(input_, buffer, sizeof buffer);
  if (count == 0) return false;
  if (count > 0) pending_.append(buffer, static_cast<size_t>(count));
  for (size_t end = pending_.find('\n'); end != std::string::npos; end = pending_.find('\n')) {
    const std::string line = pending_.substr(0, end);
    pending_.erase(0, end + 1);
    if (!ObeyLine(line)) return false;
  }
  return true;
}

bool Control::ObeyLine(const std::string& line) {
  std::istringstream words(line);
  std::string command;
  words >> command;
  if (command == "state") {
    SayState();
    return true;
  }
  if (command == "block") {
    double seconds = 0;
    std::string kind;
    std::string argument;
    words >> seconds >> kind >> argument;
    const auto fact = Block(seconds, kind, argument);
    if (fact) SayBlock(*fact, kind);
    return fact.has_value();
  }
  if (command == "exec" || command == "exec_aside") {
    const std::vector<std::string> program(std::istream_iterator<std::string>(words), {});
    if (command == "exec") Become(program);
    BecomeAside(program);
  }
  if (command == "to") {
    size_t index = 0;
    std::string rest;
    std::getline(words >> index >> std::ws, rest);
    rest += '\n';
    return index < others_.size() && write(others_[index], rest.data(), rest.size()) > 0;
  }
  return false;
}

void Control::CountWait(int result, std::int64_t took_ns, std::int64_t timeout_ns) {
  if (result < 0 && errno == EINTR) ++interrupted_;
  // The kernel never ends a timeout early; a millisecond is the resolution of most of these calls.
  if (result == 0 && took_ns + 1'000'000 < timeout_ns) ++early_;
}

void Control::SayState() const {
  Say(fmt::format(R"({{"event": "state", "pid": {}, "work": {}, "signals": {}, "interrupted": {}, "early": {}}})"
                  "\n",
                  getpid(), work_, static_cast<long>(signals), interrupted_, early_));
}

}  // namespace pyleak::targets
