#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attach/base/result.h"
#include "attach/base/unique_fd.h"

namespace pyleak::symbolize {

/// An ELF file as it lies on disk (or the vDSO as it lies in memory), read-only. Addresses are the file's own, before
/// relocation; Module adds the bias. Every offset in the file is checked against its size: the file is the target's
/// and may be forged or truncated. Immutable once made, but for lazily built indexes; not thread-safe.
class ElfImage {
 public:
  struct Section {
    std::uint64_t address = 0;
    std::span<const std::byte> bytes;  ///< Empty for SHT_NOBITS.
  };
  struct Segment {  ///< PT_LOAD
    std::uint64_t address = 0;
    std::uint64_t file_offset = 0;
    std::uint64_t file_size = 0;
    std::uint64_t memory_size = 0;
    bool executable = false;
    bool writable = false;
  };
  struct Symbol {
    std::string_view name;  ///< Mangled; points into the image.
    std::uint64_t address = 0;
    std::uint64_t size = 0;
  };

  static Result<std::shared_ptr<const ElfImage>> Open(UniqueFd file);
  static Result<std::shared_ptr<const ElfImage>> FromBytes(std::vector<std::byte> bytes);
  virtual ~ElfImage() = default;

  [[nodiscard]] virtual std::span<const std::byte> bytes() const = 0;
  [[nodiscard]] virtual const std::vector<Segment>& segments() const = 0;
  [[nodiscard]] virtual std::optional<Section> FindSection(std::string_view name) const = 0;
  /// By exact name, in .symtab and then .dynsym; defined symbols only.
  [[nodiscard]] virtual std::optional<Symbol> FindSymbol(std::string_view name) const = 0;
  /// The function that contains `address`.
  [[nodiscard]] virtual std::optional<Symbol> FunctionAt(std::uint64_t address) const = 0;
  /// Of NT_GNU_BUILD_ID; empty if there is none.
  [[nodiscard]] virtual std::string build_id_hex() const = 0;
  [[nodiscard]] virtual std::uint64_t entry() const = 0;
};

}  // namespace pyleak::symbolize
