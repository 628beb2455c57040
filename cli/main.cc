#include <cstdio>

#include "cli/version.h"

int main() {
  std::printf("pyleak %s\n", pyleak::cli::Version());
  return 0;
}
