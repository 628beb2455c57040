#pragma once

#include <string>

#include "symbolize/stack.h"

namespace pyleak::cli {

/// A frame in a few words: "handle_request (/srv/app.py:9)", "clock_nanosleep (libc.so.6)". The text is the target's.
std::string FrameLabel(const symbolize::Frame& frame);

/// The frame whose line its reader can change: the innermost one of an interpreted language that is no installed
/// package's and not the language's own library, else what InnermostUserFrame says, else the innermost. `stack` is not
/// empty.
const symbolize::Frame& OwnFrame(const symbolize::Stack& stack);

}  // namespace pyleak::cli
