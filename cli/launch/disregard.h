#pragma once

namespace pyleak::cli {

/// Makes a signal do nothing to pyleak, and to pyleak only: a program that it starts finds the signal as pyleak found
/// it, which would not be so of an ignored one (execve(2)).
void Disregard(int signal);

}  // namespace pyleak::cli
