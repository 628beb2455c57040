#include "cli/analyse/frame_label.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "cli/frame_filter.h"

namespace pyleak::cli {
namespace {

using symbolize::Frame;
using symbolize::Language;

/// Where packages are installed: what is there is somebody else's code.
bool IsOfALibrary(const Frame& frame) {
  constexpr std::array<std::string_view, 6> kPlaces{"/site-packages/", "/dist-packages/", "/lib/python",
                                                    "/node_modules/",  "node:",           "<frozen "};
  return std::ranges::any_of(kPlaces, [&](auto place) { return frame.filename.find(place) != std::string::npos; });
}

}  // namespace

std::string FrameLabel(const symbolize::Frame& frame) {
  std::string label = frame.name.empty() ? "?" : frame.name;
  if (!frame.filename.empty()) {
    label += " (" + frame.filename + (frame.lineno ? ":" + std::to_string(*frame.lineno) : "") + ")";
  } else if (!frame.module.empty()) {
    label += " (" + frame.module.substr(frame.module.rfind('/') + 1) + ")";
  }
  return label;
}

const Frame& OwnFrame(const symbolize::Stack& stack) {
  const auto found = std::find_if(stack.frames.rbegin(), stack.frames.rend(), [](const Frame& frame) {
    const bool interpreted = frame.language == Language::kPython || frame.language == Language::kJavaScript;
    return interpreted && !IsOfALibrary(frame);
  });
  if (found != stack.frames.rend()) return *found;
  const Frame* user = InnermostUserFrame(stack);
  return user == nullptr ? stack.frames.back() : *user;
}

}  // namespace pyleak::cli
