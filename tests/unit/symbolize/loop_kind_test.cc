#include "symbolize/loop_kind.h"

#include <gtest/gtest.h>

namespace pyleak::symbolize {
namespace {

using Verdict = LoopKind::Verdict;

Stack PythonStackOf(const std::vector<std::string>& filenames) {
  Stack stack;
  stack.complete = true;
  for (const std::string& filename : filenames) {
    Frame frame;
    frame.language = Language::kPython;
    frame.filename = filename;
    stack.frames.push_back(frame);
  }
  return stack;
}

Stack NativeStackOf(const std::vector<std::pair<std::string, std::string>>& frames) {
  Stack stack;
  stack.complete = true;
  for (const auto& [module, name] : frames) {
    Frame frame;
    frame.module = module;
    frame.name = name;
    stack.frames.push_back(frame);
  }
  return stack;
}

const std::string kLib = "/usr/lib/x86_64-linux-gnu/";
const WaitCaller kSelectModule{"/usr/lib/python3.11/lib-dynload/select.cpython-311-x86_64-linux-gnu.so", ""};
const std::string kBaseEvents = "/usr/lib/python3.11/asyncio/base_events.py";

TEST(IdentifyLoop, KnowsLibrariesByTheirFile) {
  EXPECT_EQ(IdentifyLoop({kLib + "libuv.so.1.0.0", ""}, {}).name, "libuv");
  EXPECT_EQ(IdentifyLoop({kLib + "libevent-2.1.so.7.0.1", ""}, {}).name, "libevent");
  EXPECT_EQ(IdentifyLoop({kLib + "libev.so.4.0.0", ""}, {}).name, "libev");
  EXPECT_EQ(IdentifyLoop({kLib + "libglib-2.0.so.0.7400.6", ""}, {}).name, "glib");
  EXPECT_EQ(IdentifyLoop({"/usr/bin/redis-server", ""}, {}).name, "redis");
  EXPECT_EQ(IdentifyLoop({"/srv/venv/lib/python3.12/site-packages/uvloop/loop.cpython-312.so", ""}, {}).name, "uvloop");
}

TEST(IdentifyLoop, KnowsLibrariesByTheirFunctionsWhereTheyAreLinkedIn) {
  EXPECT_EQ(IdentifyLoop({"/usr/bin/node", "uv__io_poll"}, {}).name, "node");
  EXPECT_EQ(IdentifyLoop({"/srv/server", "uv__io_poll"}, {}).name, "libuv");
  EXPECT_EQ(IdentifyLoop({"/srv/server", "boost::asio::detail::epoll_reactor::run(long, int&)"}, {}).name, "asio");
}

TEST(IdentifyLoop, LeavesTheProgramsOwnWaitsOpen) {
  const LoopKind kind = IdentifyLoop({"/srv/server", "main"}, {});
  EXPECT_EQ(kind.name, "generic");
  EXPECT_EQ(kind.verdict, Verdict::kUnknown);
  EXPECT_EQ(IdentifyLoop({"/srv/server", "(anonymous namespace)::Run(int)"}, {}).name, "generic");
}

TEST(IdentifyLoop, KnowsClientsThatWaitForOneAnswer) {
  EXPECT_EQ(IdentifyLoop({kLib + "libpq.so.5.15", "pqSocketPoll"}, {}).verdict, Verdict::kNotLoop);
  EXPECT_EQ(IdentifyLoop(kSelectModule, PythonStackOf({"/srv/app.py", "/usr/lib/python3.11/subprocess.py",
                                                       "/usr/lib/python3.11/selectors.py"}))
                .verdict,
            Verdict::kNotLoop);
}

TEST(IdentifyLoop, AsksThePythonStackWhoseSelectItIs) {
  const std::string selectors = "/usr/lib/python3.11/selectors.py";
  EXPECT_EQ(IdentifyLoop(kSelectModule, PythonStackOf({"/srv/app.py", kBaseEvents, selectors})).name, "asyncio");
  EXPECT_EQ(IdentifyLoop(kSelectModule,
                         PythonStackOf({"/srv/app.py", "/x/tornado/platform/asyncio.py", kBaseEvents, selectors}))
                .name,
            "tornado");
  EXPECT_EQ(
      IdentifyLoop(kSelectModule, PythonStackOf({"/srv/app.py", "/x/trio/_core/_run.py", "/x/trio/_core/_io_epoll.py"}))
          .name,
      "trio");
  EXPECT_EQ(IdentifyLoop(kSelectModule, PythonStackOf({"/srv/app.py", "/x/nest_asyncio.py", selectors})).name,
            "asyncio");
  EXPECT_EQ(IdentifyLoop(kSelectModule, PythonStackOf({"/srv/app.py"})).verdict, Verdict::kUnknown);
}

TEST(IsLoopOnStack, TellsABlockFromWhatComesAfterTheLoop) {
  const LoopKind asyncio{"asyncio", Verdict::kLoop};
  EXPECT_EQ(IsLoopOnStack(asyncio, kSelectModule, {}, PythonStackOf({"/srv/app.py", kBaseEvents, "/srv/app.py"})),
            LoopOnStack::kYes);
  EXPECT_EQ(IsLoopOnStack(asyncio, kSelectModule, {}, PythonStackOf({"/srv/app.py"})), LoopOnStack::kNo);
  EXPECT_EQ(IsLoopOnStack(asyncio, kSelectModule, {}, {}), LoopOnStack::kUnknown);

  const LoopKind libuv{"libuv", Verdict::kLoop};
  const WaitCaller caller{kLib + "libuv.so.1.0.0", ""};
  EXPECT_EQ(IsLoopOnStack(libuv, caller, NativeStackOf({{"/srv/a", "main"}, {caller.module, "uv_run"}}), {}),
            LoopOnStack::kYes);
  EXPECT_EQ(IsLoopOnStack(libuv, caller, NativeStackOf({{"/srv/a", "main"}}), {}), LoopOnStack::kNo);
}

TEST(IsLoopOnStack, CannotBeToldFromAGreenletsStack) {
  const LoopKind eventlet{"eventlet", Verdict::kLoop};
  EXPECT_EQ(IsLoopOnStack(eventlet, kSelectModule, {}, PythonStackOf({"/srv/app.py"})), LoopOnStack::kUnknown);
  EXPECT_EQ(IsLoopOnStack(eventlet, kSelectModule, {}, PythonStackOf({})), LoopOnStack::kNo);
  const WaitCaller caller{"/usr/lib/python3/dist-packages/gevent/libev/corecext.so", ""};
  EXPECT_EQ(IsLoopOnStack({"gevent", Verdict::kLoop}, caller, NativeStackOf({{"/srv/a", "main"}}), {}),
            LoopOnStack::kUnknown);
}

TEST(LoopOfStack, KnowsTheLoopOfAThreadThatNeverWaited) {
  EXPECT_EQ(LoopOfStack(NativeStackOf({{"/usr/bin/node", "uv_run"}}), {}), "node");
  EXPECT_EQ(LoopOfStack(NativeStackOf({{kLib + "libnode.so.108", ""}, {kLib + "libuv.so.1.0.0", "uv_run"}}), {}),
            "node");
  EXPECT_EQ(LoopOfStack({}, PythonStackOf({"/srv/app.py", kBaseEvents})), "asyncio");
  EXPECT_EQ(LoopOfStack({}, PythonStackOf({"/x/eventlet/greenthread.py", "/srv/app.py"})), "eventlet");
  EXPECT_EQ(LoopOfStack(NativeStackOf({{"/srv/a", "main"}}), {}), std::nullopt);
}

}  // namespace
}  // namespace pyleak::symbolize
