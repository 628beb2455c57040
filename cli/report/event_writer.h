#pragma once

#include "cli/report/event.h"

namespace pyleak::cli {

/// One way of saying what a watch finds. Reporter says when each function is called.
class EventWriter {
 public:
  virtual ~EventWriter() = default;
  virtual void OnStarted(const WatchStarted& started) = 0;
  virtual void OnOnset(const Onset& onset) = 0;
  virtual void OnStillBlocked(const BlockEvent& event) = 0;
  virtual void OnBlock(const BlockEvent& event) = 0;
  virtual void OnStats(const LoopStats& stats) = 0;
  virtual void OnWarning(const Warning& warning) = 0;
  /// About once a second, for what is to be said after some time.
  virtual void OnTick() {}
  virtual void OnEnded(const WatchEnded& ended) = 0;
};

}  // namespace pyleak::cli
