#include "attach/memory/shared_memory.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "attach/memory/mapped_file.h"

namespace pyleak::attach {

Result<SharedMemory> SharedMemory::Map(const UniqueFd& file, std::size_t size_bytes) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return ErrnoError("fstat");
  if (!S_ISREG(status.st_mode) || status.st_size < 0 || static_cast<std::size_t>(status.st_size) < size_bytes) {
    return Error{ErrorCode::kCorrupt, "the file to share is smaller than it must be"};
  }
  SurviveTruncatedFiles();
  void* const memory = ::mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) return ErrnoError("mmap");
  return SharedMemory({static_cast<std::byte*>(memory), size_bytes});
}

SharedMemory::~SharedMemory() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

}  // namespace pyleak::attach
