#include "attach/trace/tracer.h"

#include "attach/trace/frozen_thread.h"
#include "attach/trace/priority.h"

namespace pyleak::attach {

Tracer::~Tracer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Tracer::Hand(const std::function<void()>& work) {
  if (!thread_.joinable()) thread_ = std::thread(&Tracer::Serve, this);
  std::unique_lock lock(mutex_);
  work_ = &work;
  changed_.notify_all();
  changed_.wait(lock, [this] { return work_ == nullptr; });
  if (!spent_) return;
  lock.unlock();
  thread_.join();
  spent_ = false;
}

void Tracer::Serve() {
  RaisePriority();
  KeepMemoryReady(memory_bytes_);
  std::unique_lock lock(mutex_);
  while (!spent_) {
    changed_.wait(lock, [this] { return work_ != nullptr || stopping_; });
    if (work_ == nullptr) return;
    const std::function<void()>& work = *work_;
    lock.unlock();
    work();
    lock.lock();
    spent_ = FrozenThread::stop_pending();
    work_ = nullptr;
    changed_.notify_all();
  }
}

}  // namespace pyleak::attach
