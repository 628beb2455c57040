#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "attach/agent/protocol.h"
#include "attach/base/remote_address.h"
#include "attach/memory/memory_reader.h"
#include "attach/proc/maps.h"

namespace pyleak::attach {

/// An agent in the memory of a target: put there by us, or left behind by an earlier pyleak.
///
/// It lies in one piece, so that it can be told where each part is and one call unmaps all of it: the image, the page
/// that says whether it is armed, and the arena. Behind that come further arenas, where an earlier one is still in use.
class PlacedAgent {
 public:
  /// std::nullopt: what lies at `base` is no agent.
  static std::optional<PlacedAgent> At(const MemoryReader& memory, RemoteAddress base);
  static std::vector<PlacedAgent> FindAll(const MemoryReader& memory, const MemoryMap& map);
  /// Memory that was to become an agent with an image of so many bytes, and that nothing was done with yet.
  static std::vector<AddressRange> FindDebris(const MemoryMap& map, std::uint64_t image_bytes);
  /// How much is mapped for an image of so many bytes: the page is behind it.
  static constexpr std::uint64_t BytesWithPage(std::uint64_t image_bytes) { return image_bytes + PYLEAK_PAGE; }
  /// The nearest address above that an agent is placed at. All of them look alike, which is how one is found again.
  static RemoteAddress PlaceAbove(RemoteAddress address);

  /// The same agent, moved to another address.
  [[nodiscard]] PlacedAgent MovedTo(RemoteAddress base) const;

  /// Of the image.
  [[nodiscard]] AddressRange range() const { return range_; }
  /// The image and the page.
  [[nodiscard]] AddressRange core() const { return {range_.begin, range_.begin + BytesWithPage(range_.size_bytes())}; }
  [[nodiscard]] RemoteAddress armed_page() const { return range_.end; }
  /// Its arenas, in the order of their addresses.
  [[nodiscard]] std::vector<AddressRange> Arenas(const MemoryMap& map) const;
  [[nodiscard]] RemoteAddress context() const { return context_; }
  [[nodiscard]] RemoteAddress begin_function() const { return begin_function_; }
  [[nodiscard]] RemoteAddress install_function() const { return install_function_; }
  [[nodiscard]] RemoteAddress remove_function() const { return remove_function_; }
  /// Where the stub of syscall(2) goes on after the real function, and where the stubs of all the others do.
  [[nodiscard]] RemoteAddress system_call_return() const { return system_call_return_; }
  [[nodiscard]] const std::vector<RemoteAddress>& returns() const { return returns_; }

  /// std::nullopt: gone, or of another version, whose context means something else.
  [[nodiscard]] std::optional<PyleakContext> ReadContext(const MemoryReader& memory) const;

 private:
  PlacedAgent() = default;

  AddressRange range_;
  RemoteAddress context_;
  RemoteAddress begin_function_;
  RemoteAddress install_function_;
  RemoteAddress remove_function_;
  RemoteAddress system_call_return_;
  std::vector<RemoteAddress> returns_;
};

}  // namespace pyleak::attach
