#pragma once

#include "cli/options.h"

namespace pyleak::cli {

// The commands. Each does its whole work, says on stderr what it could not do, and returns pyleak's exit status.

int RunAttach(const AttachOptions& options);
int RunRun(const RunOptions& options);
int RunDump(const DumpOptions& options);
int RunList(const ListOptions& options);
int RunDoctor(const DoctorOptions& options);
int RunReport(const ReportOptions& options);

}  // namespace pyleak::cli
