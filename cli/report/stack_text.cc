#include "cli/report/stack_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "cli/report/json.h"
#include "cli/report/text.h"

namespace pyleak::cli {
namespace {

using symbolize::Frame;

/// JSON has it as it is, between quotes.
bool IsPlain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
}

void Append(std::string& out, std::string_view text) {
  if (IsPlain(text)) {
    fmt::format_to(std::back_inserter(out), "\"{}\"", text);
  } else {
    out += nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  }
}

void Append(std::string& out, int number) { fmt::format_to(std::back_inserter(out), "{}", number); }

template <typename T>
void AppendOrNull(std::string& out, const std::optional<T>& value) {
  if (value) {
    Append(out, *value);
  } else {
    out += "null";
  }
}

void AppendOrNull(std::string& out, const std::string& text) {
  AppendOrNull(out, text.empty() ? std::nullopt : std::optional<std::string_view>(text));
}

/// A hexadecimal string: most JSON readers keep whole numbers up to 2^53 only.
void AppendOrNull(std::string& out, RemoteAddress address) {
  if (address.is_null()) {
    out += "null";
  } else {
    fmt::format_to(std::back_inserter(out), "\"{:#x}\"", address.value());
  }
}

void AppendLocals(std::string& out, const Frame& frame) {
  nlohmann::ordered_json locals = nlohmann::ordered_json::object();
  for (const auto& [name, value] : *frame.locals) locals[name] = value;
  out += R"(,"locals":)" + locals.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

void Append(std::string& out, const Frame& frame) {
  const auto member = [&out](std::string_view name, const auto& value) {
    out += name;
    AppendOrNull(out, value);
  };
  member(R"({"filename":)", frame.filename);
  member(R"(,"lineno":)", frame.lineno);
  member(R"(,"name":)", frame.name);
  member(R"(,"line":)", frame.line);
  member(R"(,"end_lineno":)", frame.end_lineno);
  member(R"(,"colno":)", frame.colno);
  member(R"(,"end_colno":)", frame.end_colno);
  out += R"(,"language":)";
  Append(out, std::string_view(LanguageName(frame.language)));
  member(R"(,"module":)", frame.module);
  member(R"(,"address":)", frame.address);
  out += frame.inlined ? R"(,"inlined":true)" : R"(,"inlined":false)";
  if (frame.locals) AppendLocals(out, frame);
  out += '}';
}

}  // namespace

std::string StackText(const symbolize::Stack& stack) {
  std::string text = "[";
  for (const Frame& frame : stack.frames) {
    if (text.size() > 1) text += ',';
    Append(text, frame);
  }
  return text + "]";
}

}  // namespace pyleak::cli
