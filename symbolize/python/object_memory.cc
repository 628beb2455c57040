#include "symbolize/python/object_memory.h"

#include <algorithm>

namespace pyleak::symbolize::python {
namespace {

/// A value three containers deep is read in twelve.
constexpr int kMaxRounds = 16;
/// No object is read in larger pieces.
constexpr std::size_t kMaxPieceBytes = 4096;
constexpr std::uint64_t kPageBytes = 4096;

}  // namespace

std::span<const std::byte> ObjectMemory::View(RemoteAddress from, std::size_t least_bytes, std::size_t guess_bytes) {
  if (const auto copy = set_.View(from, least_bytes); !copy.empty()) return copy;
  if (from.is_null() || least_bytes == 0 || least_bytes > kMaxPieceBytes || unreadable_.contains(from)) return {};
  const std::uint64_t to_page_end = kPageBytes - from.value() % kPageBytes;
  const std::uint64_t bytes = std::max<std::uint64_t>(least_bytes, std::min<std::uint64_t>(guess_bytes, to_page_end));
  const auto [at, added] = missed_at_.try_emplace(from, missed_.size());
  if (added) missed_.push_back({from, from});
  AddressRange& range = missed_[at->second];
  range.end = std::max(range.end, from + bytes);
  ++misses_;
  return {};
}

std::span<const std::byte> ObjectMemory::ViewSome(RemoteAddress from, std::size_t most_bytes) {
  return View(from, std::min<std::uint64_t>(most_bytes, kPageBytes - from.value() % kPageBytes));
}

bool ObjectMemory::Fetch() {
  if (missed_.empty() || ++rounds_ > kMaxRounds || pieces_left_ == 0) return false;
  missed_.resize(std::min(missed_.size(), pieces_left_));
  pieces_left_ -= missed_.size();
  if (!set_.Fetch(memory_, missed_)) {
    for (const AddressRange& range : missed_) {
      if (!set_.Fetch(memory_, std::span(&range, 1))) unreadable_.insert(range.begin);
    }
  }
  missed_.clear();
  missed_at_.clear();
  return true;
}

}  // namespace pyleak::symbolize::python
