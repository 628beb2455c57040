#include "attach/memory/mapped_file.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstdint>

namespace pyleak::attach {
namespace {

std::uintptr_t page_size_bytes = 0;

/// Mapped behind a file. A library that has found the end of a text, and then reads it while somebody overwrites that
/// end in the file, comes to its end here.
constexpr std::size_t kZerosBehind = 4096;

/// Puts a page of zeros where the file's page was. Only mmap and sigaction: both may be called in a signal handler.
void ReplaceLostPage(int /*signal*/, siginfo_t* info, void* /*context*/) {
  if (info->si_code == BUS_ADRERR) {
    void* const page =
        reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(info->si_addr) & ~(page_size_bytes - 1));
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    if (::mmap(page, page_size_bytes, PROT_READ | PROT_WRITE, flags, -1, 0) != MAP_FAILED) return;
  }
  // Broken hardware, or no memory: the instruction faults again and ends us as it would have without a handler.
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  ::sigaction(SIGBUS, &standard, nullptr);
}

bool InstallHandler() {
  page_size_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = ReplaceLostPage;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  return ::sigaction(SIGBUS, &action, nullptr) == 0;
}

}  // namespace

void SurviveTruncatedFiles() { [[maybe_unused]] static const bool installed = InstallHandler(); }

Result<MappedFile> MappedFile::Map(UniqueFd file) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return ErrnoError("fstat");
  if (!S_ISREG(status.st_mode) || status.st_size <= 0)
    return Error{ErrorCode::kCorrupt, "not a regular file with content"};
  const auto size = static_cast<std::size_t>(status.st_size);
  SurviveTruncatedFiles();
  const std::size_t mapped = size + kZerosBehind;
  const int protection = PROT_READ | PROT_WRITE;
  void* const memory = ::mmap(nullptr, mapped, protection, MAP_PRIVATE | MAP_NORESERVE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return ErrnoError("mmap");
  if (::mmap(memory, size, protection, MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED, file.get(), 0) == MAP_FAILED) {
    const Error error = ErrnoError("mmap");
    ::munmap(memory, mapped);
    return error;
  }
  return MappedFile({static_cast<std::byte*>(memory), size});
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size() + kZerosBehind);
}

}  // namespace pyleak::attach
