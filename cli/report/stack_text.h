#pragma once

#include <string>

#include "symbolize/stack.h"

namespace pyleak::cli {

/// The frames of a stack as an array of JSON, in the way of json.h. An event has them several times over, some hundred
/// objects in all: as a tree of values they would cost more than all else that is done for it.
std::string StackText(const symbolize::Stack& stack);

}  // namespace pyleak::cli
