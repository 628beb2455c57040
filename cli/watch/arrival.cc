#include "cli/watch/arrival.h"

#include <algorithm>
#include <utility>

#include "attach/proc/descriptor.h"
#include "attach/proc/stat.h"
#include "attach/trace/arch/x86_64.h"
#include "attach/trace/last_run.h"
#include "attach/trace/polled_descriptors.h"
#include "attach/trace/wait_calls.h"
#include "cli/watch/sampler.h"

namespace pyleak::cli {

using attach::HeartbeatTime;
using attach::SlotReading;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

namespace {

/// Until the agent is there: a look costs a microsecond, and the first iteration's beginning is not known better.
constexpr milliseconds kInterval(5);
/// Whoever sleeps for longer than kEager is looked at less often.
constexpr milliseconds kPatientInterval(10);
constexpr std::chrono::seconds kEager(10);
/// Without an agent, a thread that has never waited as a loop does.
constexpr milliseconds kIntervalWithoutLoop(50);
/// From a wait's return address in an import slot to its system call takes less than a microsecond; what a thread has
/// run for is known to a tick of the kernel's clock.
constexpr milliseconds kWayIntoWait(1);
/// What lies on the stack between a caller of poll or select and the system call; some 100 bytes in glibc 2.36.
constexpr std::uint64_t kMostWrapperBytes = 512;

/// How closely looks follow each other where there is no agent: close enough for a tenth of the threshold, and so far
/// apart that they cost a hundredth of a CPU at the most where the threshold is 10 ms and more.
nanoseconds Step(const attach::DetectorOptions& options) {
  return std::clamp<nanoseconds>(options.threshold / 10, milliseconds(1), milliseconds(20));
}

/// The slot stands for that wait.
bool StandsFor(const SlotReading& reading, const SeenWait& wait) {
  if (wait.reading.is_epoll()) return reading.is_epoll() && wait.reading.fd == reading.fd;
  // poll and select have no object: the same depth of the stack has to do, but for what the C library needs to get to
  // the system call.
  const std::uint64_t deeper = reading.stack_pointer - wait.latest.stack_pointer;
  return !reading.is_epoll() && reading.stack_pointer >= wait.latest.stack_pointer && deeper < kMostWrapperBytes;
}

std::string Milliseconds(nanoseconds time) { return std::to_string(time / milliseconds(1)) + " ms"; }

}  // namespace

std::unique_ptr<Arrival> Arrival::Find(int tid, std::uint64_t number, const std::shared_ptr<WatchedProcess>& process,
                                       const attach::DetectorOptions& options, bool stays) {
  auto look = attach::ThreadLook::Open({process->pid(), tid});
  if (!look) return nullptr;
  const auto activity = look->Look();
  if (!activity) return nullptr;
  return std::unique_ptr<Arrival>(new Arrival(number, *std::move(look), *activity, process, options, stays));
}

Arrival::Arrival(std::uint64_t number, attach::ThreadLook thread, const attach::ThreadActivity& activity,
                 const std::shared_ptr<WatchedProcess>& process, const attach::DetectorOptions& options, bool stays)
    : number_(number),
      thread_(std::move(thread)),
      stays_(stays),
      waits_(number, thread_.thread().tid),
      arrived_{MonotonicNow(), activity, {}},
      options_(options),
      detector_(options),
      block_meter_(options.threshold / 4) {
  LoopFacts facts;
  const auto stat = attach::ReadStat(process->pid(), thread_.thread().tid);
  facts.thread = {process->pid(), thread_.thread().tid, process->name(), stat ? stat->name : ""};
  facts.process = process;
  facts.only_if_known = true;
  facts_ = std::make_shared<const LoopFacts>(std::move(facts));
  if (auto meter = attach::ThreadMeter::Open(thread_.thread())) meter_ = *std::move(meter);
  if (meter_) arrived_.account = meter_->Read();
  latest_ = waiting_ = arrived_;
  (void)Meet(arrived_);
}

Arrival::Finding Arrival::Look(std::span<const SlotReading> readings, HeartbeatTime now) {
  if (const SlotReading* slot = SlotOf(readings)) return IsInSlot(*slot, now);
  if (HasOtherLoop(readings)) return {.over = true};
  const auto activity = thread_.Look();
  if (!activity) return {.over = true};
  const Moment moment{now, *activity, meter_ ? meter_->Read() : std::nullopt};
  const bool known = HasLoop();
  const SeenWait* met = Meet(moment);
  Finding finding;
  if (known && IsToReturn(moment)) {
    waiting_.at = now;
  } else if (met != nullptr && met == waits_.loop()) {
    finding = IsInLoopWait(moment, known);
  } else if (const auto passed = CameBy()) {
    waits_.CountRound();
    finding = EndWork(true, *passed);
    // It has gone round once or more since the last look, and works again: since when, nobody has seen.
    out_since_ = now;
  } else {
    finding = IsOut(moment);
  }
  if (stays_) TellMeter(moment);
  latest_ = moment;
  return finding;
}

bool Arrival::IsToReturn(const Moment& moment) const {
  return stays_ && !out_since_ && moment.activity.running && moment.account && waiting_.account &&
         moment.account->runs == waiting_.account->runs;
}

Arrival::Finding Arrival::IsInLoopWait(const Moment& moment, bool known) {
  left_ = false;
  const auto passed = CameBy();
  waiting_ = moment;
  return out_since_ ? EndWork(known, passed ? *passed : EndOfWork(moment)) : Finding{};
}

Arrival::Finding Arrival::IsOut(const Moment& moment) {
  if (!out_since_) {
    out_since_ = BeginOfWork(moment);
    WatchPassages();
  }
  // Who has never been seen to wait as a loop does may be going round and round, unless it has slept all the time.
  const bool unknown = stays_ && !HasLoop() && !HasSleptSinceArrival(moment);
  if (dismissed_ || left_ || unknown) return {};
  SlotReading reading;
  reading.busy = true;
  reading.since = *out_since_;
  return {.decision = detector_.Look(reading, {}, moment.at)};
}

bool Arrival::HasSleptSinceArrival(const Moment& moment) const {
  return waits_.all().empty() && !moment.activity.running && !arrived_.activity.running && moment.account &&
         arrived_.account && moment.account->runs == arrived_.account->runs;
}

bool Arrival::IsSettled() {
  if (HasLoop()) return true;
  const auto activity = thread_.Look();
  if (!activity) return true;
  const Moment moment{MonotonicNow(), *activity, meter_ ? meter_->Read() : std::nullopt};
  if (Meet(moment) != nullptr) waiting_ = moment;
  if (HasLoop() || !activity->running || !moment.account || !arrived_.account) return true;
  return moment.account->cpu - arrived_.account->cpu >= kWayIntoWait;
}

const SeenWait* Arrival::Meet(const Moment& moment) {
  const attach::ThreadActivity& activity = moment.activity;
  if (!attach::IsWaiting(activity)) return nullptr;
  if (SeenWait* known = waits_.Find(activity)) {
    const bool slept_on = moment.account && latest_.account && moment.account->runs == latest_.account->runs;
    if (!slept_on) ++known->reading.iteration;
    known->latest = activity;
    return known;
  }
  // Until the agent is there, any other wait is part of the work.
  if (HasLoop() && !stays_) return nullptr;
  const bool like_loop = attach::WaitsLikeLoop(activity, facts_->process->memory(), facts_->process->identity());
  if (!like_loop && !stays_) return nullptr;
  const SeenWait* loop = waits_.loop();
  const bool closed =
      loop != nullptr && loop->reading.is_epoll() && !attach::IsEpollInstance(facts_->thread.pid, loop->reading.fd);
  if (closed) waits_.ForgetLoop();
  const SeenWait& added = waits_.Add(activity, like_loop);
  if (&added == waits_.loop()) NameWait();
  return like_loop ? &added : nullptr;
}

void Arrival::NameWait() {
  const SeenWait* loop = waits_.loop();
  LoopFacts facts = *facts_;
  facts.loop = {};
  facts.kind = {};
  facts.caller = {};
  facts.only_if_known = true;
  if (loop != nullptr) {
    facts.loop.wait = attach::WaitCallName(loop->latest.system_call);
    if (loop->reading.is_epoll()) facts.loop.fd = loop->reading.fd;
  }
  facts_ = std::make_shared<const LoopFacts>(std::move(facts));
}

bool Arrival::Judge(std::span<const attach::WaitRole> roles, HeartbeatTime now) {
  if (awaits_identity_ || !waits_.Judge(roles)) return true;
  NameWait();
  out_since_.reset();
  detector_ = attach::Detector(options_);
  dismissed_ = left_ = false;
  waiting_ = latest_;
  waiting_.at = now;
  return false;
}

bool Arrival::IsToBeIdentified() const {
  const SeenWait* loop = waits_.loop();
  return stays_ && loop != nullptr && !out_since_ && loop->reading.seen_as != identified_;
}

void Arrival::Identify(const LoopIdentity& identity) {
  awaits_identity_ = false;
  waits_.SetVerdict(VerdictOf(identity.kind));
  LoopFacts facts = *facts_;
  facts.kind = identity.kind;
  facts.loop.kind = facts.kind.name;
  facts.caller = identity.caller;
  if (facts.kind.verdict == symbolize::LoopKind::Verdict::kLoop) facts.only_if_known = false;
  facts_ = std::make_shared<const LoopFacts>(std::move(facts));
}

const SlotReading* Arrival::SlotOf(std::span<const SlotReading> readings) const {
  const SeenWait* loop = waits_.loop();
  const auto slot = std::ranges::find_if(readings, [&](const SlotReading& reading) {
    return reading.tid == thread_.thread().tid && (loop == nullptr || StandsFor(reading, *loop));
  });
  return slot == readings.end() ? nullptr : &*slot;
}

bool Arrival::HasOtherLoop(std::span<const SlotReading> readings) const {
  return std::ranges::any_of(readings, [this](const SlotReading& reading) {
    return reading.tid == thread_.thread().tid && reading.is_epoll() && reading.iteration >= 2;
  });
}

Arrival::Finding Arrival::IsInSlot(const SlotReading& reading, HeartbeatTime now) {
  if (!out_since_) return {.over = true};
  const bool same_wait = HasLoop() && StandsFor(reading, *waits_.loop());
  if (same_wait) {
    LoopFacts facts = *facts_;
    facts.loop.wait = attach::WaitName(reading.wait);
    facts_ = std::make_shared<const LoopFacts>(std::move(facts));
  }
  Finding finding = EndWork(same_wait, std::min(reading.first_wait, now));
  finding.over = true;
  return finding;
}

Arrival::Finding Arrival::EndWork(bool same_wait, HeartbeatTime end) {
  if (same_wait && facts_->only_if_known) {
    LoopFacts facts = *facts_;
    facts.only_if_known = facts.kind.verdict == symbolize::LoopKind::Verdict::kNotLoop;
    dismissed_ = false;
    facts_ = std::make_shared<const LoopFacts>(std::move(facts));
  }
  const HeartbeatTime begin = *std::exchange(out_since_, std::nullopt);
  detector_ = attach::Detector(options_);
  busy_ += std::max(nanoseconds(0), end - begin);
  return {.finished = attach::Iteration{0, begin, std::max(begin, end)}};
}

std::optional<HeartbeatTime> Arrival::CameBy() {
  const SeenWait* loop = waits_.loop();
  if (!passages_ || loop == nullptr || !out_since_) return std::nullopt;
  std::optional<HeartbeatTime> first;
  for (const attach::Passage& passage : passages_->Take()) {
    const bool same = loop->reading.is_epoll() ? static_cast<int>(passage.first_argument) == loop->reading.fd
                                               : passage.stack_pointer == loop->latest.stack_pointer;
    if (same && !first && passage.at > *out_since_) first = passage.at;
  }
  passages_->Arm();
  return first;
}

void Arrival::WatchPassages() {
  const SeenWait* loop = waits_.loop();
  if (!stays_ || loop == nullptr) return;
  const RemoteAddress instruction = loop->latest.program_counter - attach::arch::kSystemCallBytes;
  if (passages_at_ != instruction) {
    passages_at_ = instruction;
    passages_.reset();
    auto passages = attach::PassageWatch::At(thread_.thread(), instruction);
    no_passages_because_ = passages ? "" : passages.error().what;
    if (passages) passages_ = *std::move(passages);
  }
  if (passages_) passages_->Arm();
}

HeartbeatTime Arrival::BeginOfWork(const Moment& moment) const {
  if (!HasLoop()) return arrived_.at;
  if (!stays_) return waiting_.at;
  const auto asleep =
      moment.activity.running ? nanoseconds(0) : attach::TimeSinceLastRun(thread_.thread()).value_or(nanoseconds(0));
  // Woken up once since it was seen to wait: all that it has run for is this work.
  const bool woken_once = moment.account && waiting_.account && moment.account->runs == waiting_.account->runs + 1;
  const nanoseconds ran = woken_once ? moment.account->cpu - waiting_.account->cpu : nanoseconds(0);
  return std::clamp(moment.at - asleep - ran, waiting_.at, moment.at);
}

HeartbeatTime Arrival::EndOfWork(const Moment& moment) const {
  if (!stays_ || moment.at - *out_since_ < options_.threshold) return moment.at;
  // Not seen to run since, but for once if it slept: it went to sleep in its wait when it last ran.
  const std::int64_t runs = latest_.activity.running ? 0 : 1;
  const bool ran_once = moment.account && latest_.account && moment.account->runs == latest_.account->runs + runs;
  const auto asleep = ran_once ? attach::TimeSinceLastRun(thread_.thread()) : std::nullopt;
  return asleep ? std::clamp(moment.at - *asleep, latest_.at, moment.at) : latest_.at;
}

void Arrival::TellMeter(const Moment& moment) {
  SlotReading reading;
  reading.busy = out_since_.has_value();
  reading.since = out_since();
  reading.busy_total = busy_;
  block_meter_.Look(reading, thread_, moment.at, [&](const attach::ThreadActivity& met) {
    const SeenWait* wait = waits_.Find(met);
    return wait == nullptr || wait != waits_.loop();
  });
}

std::string Arrival::Note() const {
  if (!HasLoop()) return "the thread was blocked already when pyleak came: the block lasted longer than is said here";
  if (!stays_) return "seen from outside: the block may be a few milliseconds shorter than is said here";
  std::string note = "seen from outside, without an agent: the block may be up to " + Milliseconds(2 * Step(options_)) +
                     " longer than is said here";
  if (!no_passages_because_.empty()) {
    note += ", or several iterations without a sleep in between, which cannot be told apart here (" +
            no_passages_because_ + ")";
  }
  return note;
}

nanoseconds Arrival::interval() const {
  if (!stays_) return latest_.at - arrived_.at < kEager ? kInterval : kPatientInterval;
  if (!HasLoop()) return kIntervalWithoutLoop;
  return Step(options_);
}

}  // namespace pyleak::cli
