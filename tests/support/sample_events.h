#pragma once

#include "cli/report/event.h"

namespace pyleak::testing {

/// A block of asyncio in time.sleep: Python frames, one of them repeated, and the native frame at the bottom.
cli::BlockEvent SleepingBlock();

/// A block of a C++ program, with every field filled and every text as nasty as a target can make it: terminal
/// escapes, NUL, invalid UTF-8, lone surrogates, bidirectional controls.
cli::BlockEvent NastyBlock();

/// A block of which nothing is known but that it happened.
cli::BlockEvent BareBlock();

cli::WatchStarted SampleStart();
cli::LoopFigures SampleFigures();
cli::LoopStats SampleStats();
cli::WatchEnded SampleEnd();
cli::Warning SampleWarning();
cli::LoopSnapshot SampleSnapshot();
cli::Check SampleCheck();

}  // namespace pyleak::testing
