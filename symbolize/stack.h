#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "attach/base/remote_address.h"

namespace pyleak::symbolize {

enum class Language { kPython, kJavaScript, kNative, kKernel };

/// As the JSON contract writes it.
const char* LanguageName(Language language);

/// A local variable, its value shortened.
struct Variable {
  std::string name;
  std::string value;
};

/// One function activation, as the user would name it. Text is the target's: any bytes, control characters included;
/// whoever prints it cleans it. Empty text and nullopt are "not known".
struct Frame {
  Language language = Language::kNative;
  std::string name;      ///< Function: as tracebacks have it (Python), demangled (C++, Rust).
  std::string filename;  ///< Source file as the debug information or the interpreter has it.
  std::optional<int> lineno;
  std::optional<int> end_lineno;
  std::optional<int> colno;         ///< 0-based, in UTF-8 bytes, as CPython counts.
  std::optional<int> end_colno;     ///< Exclusive.
  std::optional<std::string> line;  ///< Source text, without indentation and line end.
  std::string module;               ///< Path of the ELF file; native frames only.
  RemoteAddress address;            ///< Program counter; native frames only.
  RemoteAddress stack_pointer;      ///< At the call that the frame is in; native frames only.
  bool inlined = false;             ///< The compiler inlined it into the next outer frame.
  /// Where they were asked for; Python frames only.
  std::optional<std::vector<Variable>> locals;
};

/// A call stack, outermost frame first.
struct Stack {
  std::vector<Frame> frames;
  bool complete = false;           ///< It reaches the thread's first function.
  std::vector<std::string> notes;  ///< What the reader should know of its making, in words.
};

}  // namespace pyleak::symbolize
