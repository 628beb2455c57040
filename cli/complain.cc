#include "cli/complain.h"

#include <cstdio>
#include <string>

#include "cli/advice.h"
#include "cli/report/sanitise.h"

namespace pyleak::cli {

void Complain(std::string_view what, std::string_view hint) {
  std::string text = "pyleak: " + Sanitise(what) + "\n";
  if (!hint.empty()) text += "  hint: " + Sanitise(hint) + "\n";
  std::fputs(text.c_str(), stderr);
}

void Complain(const Error& error, int pid) { Complain(error.what, Advice(error.code, ReadTargetFacts(pid))); }

}  // namespace pyleak::cli
