#include "cli/version.h"

namespace pyleak::cli {

const char* Version() { return PYLEAK_VERSION; }

}  // namespace pyleak::cli
