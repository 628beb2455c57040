// What may become of a thread while it is being held, or about to be: it is killed, its process begins another program,
// its number is given to another; and each kind of stop that may come instead of the one that was asked for.
#include <gtest/gtest.h>
#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <functional>
#include <thread>

#include "attach/inject/injected_agent.h"
#include "attach/proc/stat.h"
#include "attach/proc/thread_list.h"
#include "attach/proc/thread_status.h"
#include "attach/trace/frozen_thread.h"
#include "attach/trace/tracer.h"
#include "tests/process/attach/forked_target.h"
#include "tests/process/attach/injection_target.h"

namespace pyleak::attach {
namespace {

using test::Eventually;
using test::ForkedTarget;
using test::Loop;
using test::ProgramTarget;

struct Life {
  std::atomic<int> child{0};
  std::atomic<int> may_go_on{0};
  std::atomic<int> finished{0};
  std::atomic<int> signals{0};
  std::atomic<long> rounds{0};
};

[[noreturn]] void Count(Life& life) {
  for (;;) ++life.rounds;
}

/// Does something of its own at one step.
class AtStep : public StepObserver {
 public:
  AtStep(std::string_view step, std::function<void()> act) : step_(step), act_(std::move(act)) {}
  void At(std::string_view step) override {
    if (step == step_ && act_) std::exchange(act_, nullptr)();
  }

 private:
  std::string_view step_;
  std::function<void()> act_;
};

char StateOf(int pid) {
  const auto stat = ReadStat(pid);
  return stat.ok() ? stat->state : 'X';
}

/// Holds the first thread of `pid`, with what happens meanwhile, in a tracing thread that lives on.
void Hold(Tracer& tracer, ThreadId thread, const std::function<void()>& meanwhile) {
  auto look = ThreadLook::Open(thread);
  ASSERT_TRUE(look.ok());
  tracer.Run([&] {
    const auto frozen = FrozenThread::Freeze(*look, {});
    EXPECT_TRUE(frozen.ok() && frozen->has_value());
    meanwhile();
  });
}

TEST(HeldThread, ThatIsKilledIsItsParentsToTakeAway) {
  const ForkedTarget<Life> parent([](Life& life) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      Count(life);
    }
    life.child = child;
    life.finished = ::waitpid(child, nullptr, 0) == child ? 1 : -1;
    for (;;) ::pause();
  });
  ASSERT_TRUE(Eventually([&] { return parent.shared().child != 0 && parent.shared().rounds > 0; }));
  const int child = parent.shared().child;
  Tracer tracer;
  Hold(tracer, {child, child}, [&] {
    ::kill(child, SIGKILL);
    EXPECT_TRUE(Eventually([&] { return StateOf(child) == 'Z'; }));
  });
  EXPECT_TRUE(Eventually([&] { return parent.shared().finished == 1; }));
}

TEST(HeldThread, IsNotInTheWayOfAnExec) {
  const ForkedTarget<Life> target([](Life& life) {
    std::thread(Count, std::ref(life)).detach();
    while (life.may_go_on == 0) ::usleep(1000);
    ::execl("/bin/sleep", "sleep", "1000", nullptr);
  });
  ASSERT_TRUE(Eventually([&] { return ListThreads(target.pid(), 3).size() == 2 && target.shared().rounds > 0; }));
  const int tid = ListThreads(target.pid(), 2).back();
  Tracer tracer;
  Hold(tracer, {target.pid(), tid}, [&] {
    target.shared().may_go_on = 1;
    EXPECT_TRUE(Eventually([&] {
      const auto stat = ReadStat(target.pid(), tid);
      return stat.ok() && stat->state == 'Z';
    }));
  });
  EXPECT_TRUE(Eventually([&] {
    const auto stat = ReadStat(target.pid());
    return stat.ok() && stat->name == "sleep";
  }));
}

/// A child with that number, which does nothing but count as long as we live; -1: this kernel, or a lack of rights,
/// does not allow it. (PR_SET_PDEATHSIG would end it with the thread that has started it.)
pid_t StartWithNumber(pid_t number, Life& life) {
  const pid_t parent = ::getpid();
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  arguments.set_tid = reinterpret_cast<std::uint64_t>(&number);
  arguments.set_tid_size = 1;
  const auto child = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof(arguments)));
  if (child != 0) return child;
  while (::getppid() == parent) ++life.rounds;
  ::_exit(0);
}

/// A process that takes the number of another once that is called for.
struct Successor {
  const ForkedTarget<Life>& first;
  const ForkedTarget<Life>& memory;  ///< Shared with the successor.
  pid_t pid = -1;

  ~Successor() {
    if (pid < 0) return;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  void Take() {
    ::kill(first.pid(), SIGKILL);
    ::waitpid(first.pid(), nullptr, 0);
    pid = StartWithNumber(first.pid(), memory.shared());
  }
  [[nodiscard]] bool RunsUntouched() const {
    const long rounds = memory.shared().rounds;
    return Eventually([&] { return memory.shared().rounds > rounds; }) && ReadThreadStatus(pid)->tracer_pid == 0;
  }
};

TEST(HeldThread, IsNobodyElseOfTheSameNumber) {
  const ForkedTarget<Life> target([](Life& life) { Count(life); });
  const ForkedTarget<Life> memory([](Life&) { ::pause(); });
  Successor successor{target, memory};
  AtStep observer("seize", [&] { successor.Take(); });
  auto look = ThreadLook::Open({target.pid(), target.pid()});
  const auto process = ProcessIdentity::Open(target.pid());
  Tracer tracer;
  tracer.Run([&] {
    const auto frozen = FrozenThread::Freeze(*look, {.observer = &observer});
    EXPECT_TRUE(frozen.ok() && !frozen->has_value());
  });
  if (successor.pid < 0) GTEST_SKIP() << "clone3(2) does not give out numbers here";
  ASSERT_EQ(successor.pid, target.pid());
  EXPECT_TRUE(successor.RunsUntouched());
  EXPECT_FALSE(process->StillRuns());
  const auto agent = InjectedAgent::Inject(*process, {});
  ASSERT_FALSE(agent.ok());
  EXPECT_EQ(agent.error().code, ErrorCode::kNoSuchProcess) << agent.error().what;
  EXPECT_TRUE(successor.RunsUntouched());
}

/// Freezes a thread that a signal has stopped between the seizing and our asking.
void FreezeIntoStopOf(int signal, const ForkedTarget<Life>& target) {
  auto look = ThreadLook::Open({target.pid(), target.pid()});
  AtStep observer("interrupt", [&] {
    ::kill(target.pid(), signal);
    EXPECT_TRUE(Eventually([&] { return StateOf(target.pid()) == 't'; }));
  });
  Tracer tracer;
  tracer.Run([&] {
    const auto frozen = FrozenThread::Freeze(*look, {.observer = &observer});
    EXPECT_TRUE(frozen.ok() && frozen->has_value());
  });
  EXPECT_TRUE(Eventually([&] { return ReadThreadStatus(target.pid())->tracer_pid == 0; }));
}

TEST(HeldThread, InSignalDeliveryStopGetsTheSignal) {
  static Life* seen = nullptr;
  const ForkedTarget<Life> target([](Life& life) {
    seen = &life;
    struct sigaction action {};
    action.sa_handler = [](int) { ++seen->signals; };
    ::sigaction(SIGUSR1, &action, nullptr);
    Count(life);
  });
  ASSERT_TRUE(Eventually([&] { return target.shared().rounds > 0; }));
  for (int i = 1; i <= 20; ++i) {
    FreezeIntoStopOf(SIGUSR1, target);
    ASSERT_TRUE(Eventually([&] { return target.shared().signals == i; })) << i;
  }
  const long rounds = target.shared().rounds;
  EXPECT_TRUE(Eventually([&] { return target.shared().rounds > rounds; }));
  EXPECT_EQ(target.shared().signals, 20);
}

TEST(HeldThread, ThatIsBeingStoppedStops) {
  const ForkedTarget<Life> target([](Life& life) { Count(life); });
  ASSERT_TRUE(Eventually([&] { return target.shared().rounds > 0; }));
  for (int i = 0; i < 5; ++i) {
    FreezeIntoStopOf(SIGSTOP, target);
    ASSERT_TRUE(Eventually([&] { return StateOf(target.pid()) == 'T'; })) << "as its sender wanted";
    // A group stop, in which it stays.
    Tracer tracer;
    Hold(tracer, {target.pid(), target.pid()}, [] {});
    ASSERT_TRUE(Eventually([&] { return StateOf(target.pid()) == 'T'; }));
    ::kill(target.pid(), SIGCONT);
    const long rounds = target.shared().rounds;
    ASSERT_TRUE(Eventually([&] { return target.shared().rounds > rounds; }));
  }
}

TEST(HeldThread, ThatIsContinuedMeanwhileGoesOn) {
  const ForkedTarget<Life> target([](Life& life) { Count(life); });
  ASSERT_TRUE(Eventually([&] { return target.shared().rounds > 0; }));
  ::kill(target.pid(), SIGSTOP);
  ASSERT_TRUE(Eventually([&] { return StateOf(target.pid()) == 'T'; }));
  Tracer tracer;
  Hold(tracer, {target.pid(), target.pid()}, [&] { ::kill(target.pid(), SIGCONT); });
  const long rounds = target.shared().rounds;
  EXPECT_TRUE(Eventually([&] { return target.shared().rounds > rounds; }));
}

/// Kills the target at a step of an attach.
class Murderer : public StepObserver {
 public:
  Murderer(int step, int pid) : left_(step), pid_(pid) {}
  void At(std::string_view) override {
    if (left_-- == 0) ::kill(pid_, SIGKILL);
  }
  [[nodiscard]] bool struck() const { return left_ < 0; }

 private:
  int left_;
  int pid_;
};

TEST(InjectedAgent, IsGivenUpAtEveryStepAtWhichTheTargetDies) {
  int step = 0;
  for (bool struck = true; struck; ++step) {
    ASSERT_LT(step, 1000);
    const ProgramTarget<Loop> target(INJECTION_TARGET, "loop", "1");
    ASSERT_TRUE(Eventually([&] { return target.shared().rounds > 3; }));
    const auto process = ProcessIdentity::Open(target.pid());
    Murderer murderer(step, target.pid());
    {
      auto agent = InjectedAgent::Inject(*process, {.observer = &murderer});
      if (agent.ok()) (void)agent->Remove();
    }
    struck = murderer.struck();
    EXPECT_TRUE(!struck || Eventually([&] { return !process->StillRuns(); })) << "step " << step;
  }
  std::printf("its target killed at each of %d steps\n", step - 1);
  EXPECT_GT(step, 20);
}

}  // namespace
}  // namespace pyleak::attach
