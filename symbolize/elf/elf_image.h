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

/// A 64-bit little-endian ELF file as it lies on disk (or the vDSO as it lies in memory), read-only. Addresses are the
/// file's own, before relocation; Module adds the bias. Every offset in the file is checked against its size: the file
/// is the target's and may be forged or truncated. For any thread: shared by all who open the same file.
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

  /// `file` is mapped, not copied: a truncation of it later reads as zeros (attach::MappedFile), and copies of some
  /// hundred megabytes are not worth the rest. An image of the file that is open still is taken, unless the file has
  /// changed since. kWrongArchitecture: ELF, but not 64-bit little-endian.
  static Result<std::shared_ptr<const ElfImage>> Open(UniqueFd file);
  static Result<std::shared_ptr<const ElfImage>> FromBytes(std::vector<std::byte> bytes);

  ElfImage(const ElfImage&) = delete;
  ElfImage& operator=(const ElfImage&) = delete;
  ~ElfImage();

  [[nodiscard]] std::span<const std::byte> bytes() const;
  [[nodiscard]] const std::vector<Segment>& segments() const;
  [[nodiscard]] std::optional<Section> FindSection(std::string_view name) const;
  /// By exact name, in .symtab and then .dynsym; defined symbols only.
  [[nodiscard]] std::optional<Symbol> FindSymbol(std::string_view name) const;
  /// The function that contains `address`; of several names for it the one with the fewest leading underscores.
  [[nodiscard]] std::optional<Symbol> FunctionAt(std::uint64_t address) const;
  /// Debug information, mostly; libelf writes to the image of a file when it unpacks them.
  [[nodiscard]] bool HasCompressedSections() const;
  /// Of NT_GNU_BUILD_ID; empty if there is none.
  [[nodiscard]] std::string build_id_hex() const;
  [[nodiscard]] std::uint64_t entry() const;

  /// What the file holds from `address` to the end of the segment around it; empty where there is no such segment.
  [[nodiscard]] std::span<const std::byte> BytesAt(std::uint64_t address) const;
  /// Address of .eh_frame_hdr (PT_GNU_EH_FRAME), by which an unwinder finds its tables.
  [[nodiscard]] std::optional<std::uint64_t> unwind_index() const;

 private:
  struct State;
  explicit ElfImage(std::unique_ptr<State> state);
  static Result<std::shared_ptr<const ElfImage>> Read(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace pyleak::symbolize
