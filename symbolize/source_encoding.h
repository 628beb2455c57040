#pragma once

#include <string>
#include <string_view>

namespace pyleak::symbolize {

/// A line of a source file in UTF-8, if the file names an encoding that is known here, as Python's sources do
/// (PEP 263); else its bytes as they are. `text`: the file from its beginning.
std::string DecodedLine(std::string_view text, std::string line);

}  // namespace pyleak::symbolize
