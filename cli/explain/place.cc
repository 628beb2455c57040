#include "cli/explain/place.h"

#include <fmt/format.h>

#include "cli/frame_filter.h"

namespace pyleak::cli {

std::string PlaceText(const symbolize::Stack& stack) {
  const symbolize::Frame* frame = InnermostUserFrame(stack);
  if (frame == nullptr) return "";
  const std::string& file = frame->filename.empty() ? frame->module : frame->filename;
  const std::string line = frame->lineno ? fmt::format(", line {}", *frame->lineno) : "";
  return fmt::format("File \"{}\"{}, in {}", file, line, frame->name);
}

}  // namespace pyleak::cli
