#include "symbolize/python/code_cache.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "symbolize/python/text.h"

namespace pyleak::symbolize::python {
namespace {

using Request = attach::MemoryReader::Request;

/// Longer names than any person gives are cut off; a longer line table than a compiler makes is not read.
constexpr std::size_t kMaxTextCharacters = 4096;
constexpr std::size_t kMaxLineTableBytes = std::size_t{1} << 20;
/// Of the code objects read by one walk, and of those kept.
constexpr std::size_t kMaxReadBytes = std::size_t{16} << 20;
constexpr std::size_t kMaxCacheBytes = std::size_t{64} << 20;
/// Most names and line tables are shorter, so that one system call has all of them; and reading on a little costs less
/// than asking again. Does not reach over the end of a page, which may be the end of the memory.
constexpr std::size_t kGuessBytes = 256;
constexpr std::uint64_t kPageBytes = 4096;

/// A string or bytes object that is being read: its beginning first, the rest when that has told how much there is.
struct PartialObject {
  RemoteAddress address;
  std::vector<std::byte> head;
  RemoteAddress data_address;
  std::size_t character_bytes = 1;
  std::vector<std::byte> data;
};

struct PartialCode {
  RemoteAddress address;
  CodeObject::Identity identity;
  std::array<PartialObject, 3> parts;  ///< File name, name, line table.
  bool valid = true;
};

std::size_t CodeHeaderBytes(const Layout& layout) {
  return std::max({layout.code.filename, layout.code.name, layout.code.line_table, layout.code.first_line}) +
         sizeof(std::uint64_t);
}

CodeObject::Identity ReadIdentity(const Layout& layout, std::span<const std::byte> header) {
  const auto pointer = [header](std::uint64_t offset) {
    std::uint64_t value = 0;
    std::memcpy(&value, header.data() + offset, sizeof(value));
    return RemoteAddress(value);
  };
  CodeObject::Identity identity;
  identity.parts = {pointer(layout.code.filename), pointer(layout.code.name), pointer(layout.code.line_table)};
  std::memcpy(&identity.first_line, header.data() + layout.code.first_line, sizeof(identity.first_line));
  return identity;
}

/// Fills as many requests as can be filled: all at once if that goes, else each for itself.
std::vector<bool> ReadEach(const attach::MemoryReader& memory, std::span<const Request> requests) {
  if (memory.ReadAll(requests)) return std::vector<bool>(requests.size(), true);
  std::vector<bool> filled;
  for (const Request& request : requests) {
    filled.push_back(memory.Read(request.from, request.into) == request.into.size());
  }
  return filled;
}

void ReadHeads(const Layout& layout, const attach::MemoryReader& memory, std::span<PartialCode> codes) {
  std::vector<Request> requests;
  for (PartialCode& code : codes) {
    for (std::size_t i = 0; i < code.parts.size(); ++i) {
      PartialObject& part = code.parts[i];
      part.address = code.identity.parts[i];
      const std::uint64_t to_page_end = kPageBytes - part.address.value() % kPageBytes;
      const std::size_t least = std::max(TextHeaderBytes(layout), static_cast<std::size_t>(layout.bytes.data));
      part.head.resize(std::max<std::size_t>(least, std::min<std::uint64_t>(kGuessBytes, to_page_end)));
      requests.push_back({part.address, part.head});
    }
  }
  const std::vector<bool> filled = ReadEach(memory, requests);
  for (std::size_t i = 0; i < filled.size(); ++i) {
    if (!filled[i]) codes[i / 3].valid = false;
  }
}

/// Where the bytes of a bytes object lie.
std::optional<TextLocation> LocateBytes(const Layout& layout, const PartialObject& object) {
  std::int64_t size = 0;
  std::memcpy(&size, object.head.data() + layout.bytes.size, sizeof(size));
  if (size < 0 || static_cast<std::uint64_t>(size) > kMaxLineTableBytes) return std::nullopt;
  return TextLocation{object.address + layout.bytes.data, static_cast<std::size_t>(size), 1};
}

/// Takes from the head what is there already; the number of bytes taken.
std::size_t TakeFromHead(PartialObject& object, const TextLocation& location) {
  object.data_address = location.begin;
  object.character_bytes = location.character_bytes;
  object.data.resize(location.size_bytes);
  const std::uint64_t offset = location.begin - object.address;
  if (offset > object.head.size()) return 0;
  const std::size_t taken = std::min<std::size_t>(object.head.size() - offset, location.size_bytes);
  std::copy_n(object.head.begin() + static_cast<std::ptrdiff_t>(offset), taken, object.data.begin());
  return taken;
}

void ReadRest(const Layout& layout, const attach::MemoryReader& memory, std::span<PartialCode> codes) {
  std::vector<Request> requests;
  std::vector<PartialCode*> owners;
  std::size_t budget_bytes = kMaxReadBytes;
  for (PartialCode& code : codes) {
    for (std::size_t i = 0; i < code.parts.size() && code.valid; ++i) {
      PartialObject& part = code.parts[i];
      const auto location =
          i == 2 ? LocateBytes(layout, part) : LocateText(layout, part.address, part.head, kMaxTextCharacters);
      code.valid = location.has_value() && location->size_bytes <= budget_bytes;
      if (!code.valid) break;
      budget_bytes -= location->size_bytes;
      const std::size_t taken = TakeFromHead(part, *location);
      if (taken == part.data.size()) continue;
      requests.push_back({part.data_address + taken, std::span(part.data).subspan(taken)});
      owners.push_back(&code);
    }
  }
  const std::vector<bool> filled = ReadEach(memory, requests);
  for (std::size_t i = 0; i < filled.size(); ++i) {
    if (!filled[i]) owners[i]->valid = false;
  }
}

CodeCache::Pointer Finish(PartialCode&& code) {
  auto& [filename, name, line_table] = code.parts;
  return std::make_shared<const CodeObject>(
      CodeObject{.identity = code.identity,
                 .filename = {.characters = std::move(filename.data), .character_bytes = filename.character_bytes},
                 .name = {.characters = std::move(name.data), .character_bytes = name.character_bytes},
                 .line_table = std::move(line_table.data)});
}

}  // namespace

std::vector<CodeCache::Pointer> CodeCache::Get(const Layout& layout, const attach::MemoryReader& memory,
                                               WorkingSet& set, std::span<const RemoteAddress> addresses) {
  if (size_bytes_ > kMaxCacheBytes) {
    by_address_.clear();
    size_bytes_ = 0;
  }
  const std::size_t header_bytes = CodeHeaderBytes(layout);
  std::vector<AddressRange> headers;
  for (const RemoteAddress address : addresses) headers.push_back({address, address + header_bytes});
  if (!set.Fetch(memory, headers)) {
    for (const AddressRange& header : headers) (void)set.Fetch(memory, std::span(&header, 1));
  }
  std::vector<PartialCode> unknown;
  for (const RemoteAddress address : addresses) {
    const auto header = set.View(address, header_bytes);
    const auto identity = header.empty() ? std::nullopt : std::optional(ReadIdentity(layout, header));
    if (identity && Knows(address, *identity)) continue;
    by_address_.erase(address);
    if (identity) unknown.push_back({.address = address, .identity = *identity, .parts = {}});
  }
  ReadHeads(layout, memory, unknown);
  ReadRest(layout, memory, unknown);
  for (PartialCode& code : unknown) {
    const RemoteAddress address = code.address;
    if (code.valid) Add(address, Finish(std::move(code)));
  }
  std::vector<Pointer> found;
  for (const RemoteAddress address : addresses) {
    const auto known = by_address_.find(address);
    found.push_back(known == by_address_.end() ? nullptr : known->second);
  }
  return found;
}

bool CodeCache::Knows(RemoteAddress address, const CodeObject::Identity& identity) const {
  const auto known = by_address_.find(address);
  return known != by_address_.end() && known->second->identity == identity;
}

void CodeCache::Add(RemoteAddress address, Pointer code) {
  size_bytes_ +=
      sizeof(CodeObject) + code->filename.characters.size() + code->name.characters.size() + code->line_table.size();
  by_address_[address] = std::move(code);
}

}  // namespace pyleak::symbolize::python
