#include "symbolize/stack.h"

namespace pyleak::symbolize {

const char* LanguageName(Language language) {
  switch (language) {
    case Language::kPython:
      return "python";
    case Language::kJavaScript:
      return "javascript";
    case Language::kNative:
      return "native";
    case Language::kKernel:
      return "kernel";
  }
  return "native";
}

}  // namespace pyleak::symbolize
