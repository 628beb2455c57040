// A loop that is measured. Told by lines on stdin, answers in lines of JSON with times of CLOCK_MONOTONIC in ns:
//     waits ROUNDS                  what a wait call that returns at once costs, and two clock reads
//     pauses SECONDS                computes under thirty frames for so long, and how long it did not get on; held:
//                                   without the time in which it only waited for a processor
//     blocks COUNT LOW HIGH PAUSE   blocks on the CPU under thirty frames, each for LOW to HIGH seconds
//     turns RATE SECONDS            goes round so often a second
//     sleep [FRAMES]                sleeps under thirty frames, or so many, for good
//     wander                        computes under thirty frames, always others, for good
//     loops COUNT                   so many threads besides, each with a loop that goes round ten times a second
//     threads COUNT                 so many threads besides that sleep for good
//     modules COUNT FOLDER          loads so many libraries from there: library0.so and so on
//     processes COUNT LOOPS         so many processes besides, each with so many of these loops
// With the argument `time` it only says when its main began.
#include <dlfcn.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

std::int64_t Now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

std::int64_t ToNanoseconds(double seconds) { return static_cast<std::int64_t>(seconds * 1e9); }

constexpr int kFrames = 30;

/// Calls `work` with so many frames above it; each bit of `way` says which of two functions the next one is.
template <bool kLeft, typename Work>
[[gnu::noinline]] void Deep(int frames, std::uint64_t way, const Work& work) {
  if (frames <= 0) {
    work();
  } else if (way % 2 == 0) {
    Deep<true>(frames - 1, way / 2, work);
  } else {
    Deep<false>(frames - 1, way / 2, work);
  }
  asm volatile("" ::"i"(kLeft) : "memory");  // Something to do after the call, or it would be a jump.
}

template <typename Work>
void Deep(int frames, const Work& work) {
  Deep<true>(frames, 0, work);
}

class Loop {
 public:
  Loop() {
    epoll_event event{.events = EPOLLIN, .data = {}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, STDIN_FILENO, &event);
  }

  int Wait(int milliseconds) const {
    epoll_event event{};
    return epoll_wait(epoll_, &event, 1, milliseconds);
  }

 private:
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
};

/// What a call of `work` takes on average in the fastest of `rounds`, which nobody has interrupted.
template <typename Work>
double Fastest(int rounds, const Work& work) {
  constexpr int kCalls = 2'000;
  std::int64_t fastest = INT64_MAX;
  for (int round = 0; round < rounds; ++round) {
    const std::int64_t begin = Now();
    for (int i = 0; i < kCalls; ++i) work();
    fastest = std::min(fastest, Now() - begin);
  }
  return static_cast<double>(fastest) / kCalls;
}

void Waits(const Loop& loop, int rounds) {
  const double wait = Fastest(rounds, [&] { loop.Wait(0); });
  const double clock = Fastest(rounds, [] { Now(); });
  std::printf("{\"event\": \"waits\", \"wait_ns\": %.2f, \"two_clock_reads_ns\": %.2f}\n", wait, 2 * clock);
}

/// How long this thread has been ready to run and without a processor (Documentation/scheduler/sched-stats.rst).
std::int64_t Waited() {
  std::ifstream account("/proc/thread-self/schedstat");
  std::int64_t ran = 0;
  std::int64_t waited = 0;
  account >> ran >> waited;
  return waited;
}

void Pauses(double seconds) {
  constexpr std::int64_t kShortestPause = 2'000;  // Two clock reads take a fiftieth of this.
  std::int64_t longest = 0;
  std::int64_t total = 0;
  const std::int64_t waited = Waited();
  Deep(kFrames, [&] {
    std::int64_t last = Now();
    const std::int64_t end = last + ToNanoseconds(seconds);
    while (last < end) {
      const std::int64_t now = Now();
      if (now - last > kShortestPause) {
        longest = std::max(longest, now - last);
        total += now - last;
      }
      last = now;
    }
  });
  std::printf("{\"event\": \"pauses\", \"longest_ns\": %ld, \"held_ns\": %ld}\n", longest,
              std::max<std::int64_t>(0, total - (Waited() - waited)));
}

struct Block {
  std::int64_t begin;
  std::int64_t end;
};

void Blocks(const Loop& loop, int count, double low, double high, double pause) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> length(low, high);
  std::vector<Block> blocks;
  for (int i = 0; i < count; ++i) {
    loop.Wait(std::max(1, static_cast<int>(pause * 1000)));
    const std::int64_t begin = Now();
    const std::int64_t end = begin + ToNanoseconds(length(random));
    std::int64_t now = begin;
    Deep(kFrames, [&] {
      while (now < end) now = Now();
    });
    blocks.push_back({begin, now});
  }
  std::printf("{\"event\": \"blocks\", \"blocks\": [");
  for (const Block& block : blocks) {
    std::printf("%s[%ld, %ld]", &block == blocks.data() ? "" : ", ", block.begin, block.end);
  }
  std::printf("]}\n");
}

void Turns(const Loop& loop, double rate, double seconds) {
  const std::int64_t begin = Now();
  std::int64_t turns = 0;
  for (std::int64_t now = begin; now < begin + ToNanoseconds(seconds); now = Now()) {
    if (static_cast<double>(turns) > rate * static_cast<double>(now - begin) / 1e9) continue;
    loop.Wait(0);
    ++turns;
  }
  std::printf("{\"event\": \"turns\", \"turns\": %ld}\n", turns);
}

void Wander() {
  constexpr std::int64_t kStay = 500'000;
  for (std::uint64_t way = 0;; ++way) {
    Deep<true>(kFrames, way, [end = Now() + kStay] {
      while (Now() < end) continue;
    });
  }
}

/// A loop like those of many services: idle most of the time, but not always.
[[noreturn]] void GoRound() {
  const Loop loop;
  for (;;) loop.Wait(100);
}

void SayStarted() { std::printf("{\"event\": \"started\"}\n"); }

template <typename Work>
void StartThreads(int count, Work work) {
  for (int i = 0; i < count; ++i) std::thread(work).detach();
  SayStarted();
}

void LoadModules(int count, const std::string& folder) {
  for (int i = 0; i < count; ++i) dlopen((folder + "/library" + std::to_string(i) + ".so").c_str(), RTLD_NOW);
  SayStarted();
}

void StartProcesses(int count, int loops) {
  for (int i = 0; i < count; ++i) {
    if (fork() != 0) continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int other = 1; other < loops; ++other) std::thread(GoRound).detach();
    GoRound();
  }
  SayStarted();
}

void Obey(const Loop& loop, const std::string& line) {
  std::istringstream words(line);
  std::string name;
  double first = 0;
  double second = 0;
  double third = 0;
  double fourth = 0;
  words >> name >> first >> second >> third >> fourth;
  if (name == "waits") Waits(loop, static_cast<int>(first));
  if (name == "pauses") Pauses(first);
  if (name == "blocks") Blocks(loop, static_cast<int>(first), second, third, fourth);
  if (name == "turns") Turns(loop, first, second);
  if (name == "sleep") Deep(first > 0 ? static_cast<int>(first) : kFrames, [] { pause(); });
  if (name == "wander") Wander();
  if (name == "loops") StartThreads(static_cast<int>(first), GoRound);
  if (name == "modules") LoadModules(static_cast<int>(first), line.substr(line.rfind(' ') + 1));
  if (name == "threads") StartThreads(static_cast<int>(first), [] { pause(); });
  if (name == "processes") StartProcesses(static_cast<int>(first), static_cast<int>(second));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** /*argv*/) {
  if (argc > 1) {
    std::printf("%ld\n", Now());
    return 0;
  }
  const Loop loop;
  std::printf("{\"event\": \"ready\", \"pid\": %d}\n", getpid());
  std::fflush(stdout);
  for (std::string line;;) {
    if (loop.Wait(10) <= 0) continue;
    if (!std::getline(std::cin, line)) return 0;
    Obey(loop, line);
  }
}
