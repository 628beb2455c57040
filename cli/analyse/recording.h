#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attach/base/result.h"
#include "attach/base/unique_fd.h"
#include "cli/report/event.h"
#include "symbolize/stack.h"

namespace pyleak::cli {

/// How often a stack was seen within a block.
struct StackWeight {
  std::size_t stack = 0;  ///< Index in Recording::stacks.
  int count = 1;
};

/// A block as it was recorded, as far as a report needs it.
struct RecordedBlock {
  std::size_t watch = 0;  ///< Blocks are numbered within a watch; a file may hold several.
  std::uint64_t block_id = 0;
  std::chrono::nanoseconds duration{};
  Timestamp timestamp;   ///< When it began.
  bool ongoing = false;  ///< Its end was not recorded; `duration` is how long it had lasted at least.
  ThreadName thread;
  std::string loop_kind;
  std::string cause_kind;
  std::string cause_summary;
  std::optional<std::size_t> stack;  ///< Index in Recording::stacks; none: no stack was captured.
  std::vector<StackWeight> samples;
};

/// What lines that `pyleak ... --format json` wrote hold together. Text is as it was recorded, any bytes.
struct Recording {
  /// Each distinct stack once. Two stacks are the same if their functions and lines are; addresses do not count, for
  /// they are others in each process.
  std::vector<symbolize::Stack> stacks;
  std::vector<RecordedBlock> blocks;  ///< As they began, in time.
  std::size_t watches = 0;
  std::size_t watches_without_end = 0;  ///< pyleak was killed, or the file was cut off.
  Dropped dropped;                      ///< What the watches themselves could not tell.
  std::uint64_t unreadable_lines = 0;   ///< No JSON object, or one that lacks what it must have.
  std::uint64_t foreign_records = 0;    ///< Of a schema_version that this pyleak does not know.
};

/// Takes records line by line. Keeps of each what a report needs, so that the memory grows with the number of blocks
/// and of distinct stacks only.
class RecordingReader {
 public:
  void TakeLine(std::string_view line);
  /// The reader is empty afterwards.
  Recording Finish();

 private:
  struct Record;

  void TakeBlock(const Record& record);
  std::optional<std::size_t> StackNumber(const Record& frames);

  Recording recording_;
  std::map<std::string, std::size_t> stack_numbers_;
  /// The last record of each block, by watch and number: an ongoing one gives way to the next.
  std::map<std::pair<std::size_t, std::uint64_t>, RecordedBlock> blocks_;
};

/// Reads to the end of the file.
Result<Recording> ReadRecording(const UniqueFd& file);

}  // namespace pyleak::cli
