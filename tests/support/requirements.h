#pragma once

#include <gtest/gtest.h>

#include <string>

namespace pyleak::testing_support {

/// True if the environment variable PYLEAK_REQUIRE, a list with commas, has `name` in it.
bool Required(const std::string& name);

/// True if `program` is a path that exists, or is found in PATH.
bool HasProgram(const std::string& program);

}  // namespace pyleak::testing_support

/// Ends the test if there is no such program: skipped, or failed if PYLEAK_REQUIRE names it.
#define PYLEAK_NEEDS_PROGRAM(name, program)                                        \
  if (!::pyleak::testing_support::HasProgram(program)) {                           \
    ASSERT_FALSE(::pyleak::testing_support::Required(name)) << "no " << (program); \
    GTEST_SKIP() << "there is no " << (program) << " here";                        \
  }
