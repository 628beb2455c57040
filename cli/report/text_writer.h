#pragma once

#include <cstdint>
#include <memory>

#include "cli/options.h"
#include "cli/report/event_writer.h"
#include "cli/report/message_sink.h"
#include "cli/report/text.h"

namespace pyleak::cli {

/// Tells people: at the onset of a block, while it lasts, and in full when it has ended; of blocks that repeat each
/// other the first few (RepeatedBlocks). With Action::kRaise all of it at the end.
std::unique_ptr<EventWriter> MakeTextWriter(Action action, TextStyle style, std::uint64_t most_per_minute,
                                            std::unique_ptr<MessageSink> sink);

}  // namespace pyleak::cli
