#include "attach/proc/maps.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "attach/base/file.h"
#include "attach/proc/living_thread.h"

namespace pyleak::attach {
namespace {

/// Takes the text up to `separator` off the front of `rest`.
std::string_view Take(std::string_view& rest, char separator) {
  const std::size_t length = std::min(rest.find(separator), rest.size());
  const std::string_view taken = rest.substr(0, length);
  rest.remove_prefix(std::min(length + 1, rest.size()));
  return taken;
}

bool ParseNumber(std::string_view text, int base, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size();
}

/// "7f00-7fff r-xp 0000a000 fd:00 1234      /path", proc(5).
std::optional<Mapping> ParseLine(std::string_view line) {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  Mapping mapping;
  if (!ParseNumber(Take(line, '-'), 16, begin) || !ParseNumber(Take(line, ' '), 16, end) || end < begin) {
    return std::nullopt;
  }
  const std::string_view permissions = Take(line, ' ');
  if (permissions.size() != 4 || !ParseNumber(Take(line, ' '), 16, mapping.file_offset)) return std::nullopt;
  Take(line, ' ');  // the device
  if (!ParseNumber(Take(line, ' '), 10, mapping.inode)) return std::nullopt;
  mapping.range = {RemoteAddress(begin), RemoteAddress(end)};
  mapping.readable = permissions[0] == 'r';
  mapping.writable = permissions[1] == 'w';
  mapping.executable = permissions[2] == 'x';
  mapping.shared = permissions[3] == 's';
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  mapping.path = line;
  return mapping;
}

}  // namespace

MemoryMap MemoryMap::Parse(std::string_view text) {
  std::vector<Mapping> mappings;
  while (!text.empty()) {
    if (auto mapping = ParseLine(Take(text, '\n'))) mappings.push_back(*std::move(mapping));
  }
  std::ranges::sort(mappings, {}, [](const Mapping& mapping) { return mapping.range.begin; });
  return MemoryMap(std::move(mappings));
}

Result<MemoryMap> MemoryMap::Read(int pid) {
  auto text = ReadTextFile(SharedProcPath(pid, "maps"));
  if (!text) return std::move(text).error().While("reading the memory map");
  return Parse(*text);
}

const Mapping* MemoryMap::Find(RemoteAddress address) const {
  const auto after = std::ranges::upper_bound(mappings_, address, {}, [](const Mapping& m) { return m.range.begin; });
  if (after == mappings_.begin()) return nullptr;
  const Mapping& candidate = *std::prev(after);
  return candidate.range.Contains(address) ? &candidate : nullptr;
}

}  // namespace pyleak::attach
