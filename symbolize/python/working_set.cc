#include "symbolize/python/working_set.h"

#include <iterator>

namespace pyleak::symbolize::python {
namespace {

/// Of one walk. 4096 frames of ordinary size, with their code objects, have 2 MiB.
constexpr std::size_t kMaxBytes = std::size_t{8} << 20;

}  // namespace

void WorkingSet::Refresh(const attach::MemoryReader& memory) {
  std::vector<attach::MemoryReader::Request> requests;
  for (auto at = copies_.begin(); at != copies_.end();) {
    if (!at->second.touched) {
      size_bytes_ -= at->second.bytes.size();
      at = copies_.erase(at);
      continue;
    }
    at->second.touched = false;
    requests.push_back({at->first, at->second.bytes});
    ++at;
  }
  if (memory.ReadAll(requests)) return;
  copies_.clear();  // Something is unmapped now, and nobody says what.
  size_bytes_ = 0;
}

bool WorkingSet::Fetch(const attach::MemoryReader& memory, std::span<const AddressRange> ranges) {
  std::vector<RemoteAddress> missing;
  for (const AddressRange& range : ranges) {
    if (range.end < range.begin || range.size_bytes() > kMaxBytes - size_bytes_) return false;
    if (!View(range.begin, range.size_bytes()).empty()) continue;
    // If there is a copy already, it is too short.
    Copy& copy = copies_[range.begin];
    size_bytes_ += range.size_bytes() - copy.bytes.size();
    copy.bytes.resize(range.size_bytes());
    copy.touched = true;
    missing.push_back(range.begin);
  }
  std::vector<attach::MemoryReader::Request> requests;
  requests.reserve(missing.size());
  for (const RemoteAddress begin : missing) requests.push_back({begin, copies_[begin].bytes});
  if (memory.ReadAll(requests)) return true;
  for (const RemoteAddress begin : missing) Forget(begin);
  return false;
}

void WorkingSet::Forget(RemoteAddress begin) {
  const auto at = copies_.find(begin);
  if (at == copies_.end()) return;
  size_bytes_ -= at->second.bytes.size();
  copies_.erase(at);
}

std::span<const std::byte> WorkingSet::View(RemoteAddress from, std::size_t size_bytes) {
  const auto after = copies_.upper_bound(from);
  if (after == copies_.begin()) return {};
  auto& [begin, copy] = *std::prev(after);
  const std::uint64_t offset = from - begin;
  if (offset > copy.bytes.size() || size_bytes > copy.bytes.size() - offset) return {};
  copy.touched = true;
  return std::span(copy.bytes).subspan(offset, size_bytes);
}

}  // namespace pyleak::symbolize::python
