#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace pyleak::symbolize {

/// The symbols of one ELF file, found by name and by address. They are sorted by address at the first use of that: an
/// executable such as Node's has more than 100,000 symbols, and most images are asked for a handful or for none.
class SymbolIndex {
 public:
  struct Entry {
    const char* name_begin = nullptr;  ///< In the file, which may have another text there by now.
    std::uint64_t address = 0;
    std::uint32_t size = 0;
    std::uint16_t name_bytes = 0;
    std::uint8_t binding = 0;  ///< STB_*
    bool function = false;

    [[nodiscard]] std::string_view name() const { return {name_begin, name_bytes}; }
  };

  /// `entries` in order of preference: of two with one name the first is found.
  explicit SymbolIndex(std::vector<Entry> entries) : entries_(std::move(entries)) {}

  /// Compares with one after the other: an image is asked for a name or two in all its life.
  [[nodiscard]] const Entry* FindByName(std::string_view name) const;
  /// A function without a size reaches to the next one, and the last of all as far as one likes.
  [[nodiscard]] const Entry* FunctionAt(std::uint64_t address);

 private:
  void SortByAddress();

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> by_address_;  ///< Functions only, one for each address.
  bool sorted_by_address_ = false;
};

}  // namespace pyleak::symbolize
