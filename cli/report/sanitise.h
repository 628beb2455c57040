#pragma once

#include <string>
#include <string_view>

namespace pyleak::cli {

/// Text that a terminal may see: valid UTF-8 without anything that moves the cursor, changes the terminal's state or
/// the order of what is read. Control characters become "\xNN", bidirectional controls "\uNNNN"; what is no UTF-8
/// becomes U+FFFD. Tabs stay.
std::string Sanitise(std::string_view text);

}  // namespace pyleak::cli
