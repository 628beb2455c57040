#include "attach/base/file.h"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <climits>

namespace pyleak {

Result<UniqueFd> OpenFile(const std::string& path, int flags) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY));
  if (!fd) return ErrnoError(path);
  return fd;
}

Result<std::string> ReadTextFile(const std::string& path, std::size_t limit_bytes) {
  auto fd = OpenFile(path, O_RDONLY);
  if (!fd) return std::move(fd).error();
  auto text = ReadText(*fd, limit_bytes);
  return text ? std::move(text) : std::move(text).error().While("reading " + path);
}

Result<std::string> ReadText(const UniqueFd& file, std::size_t limit_bytes) {
  std::string text;
  std::array<char, 16384> chunk{};
  while (text.size() < limit_bytes) {
    const ssize_t count = ::read(file.get(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError("read");
    if (count == 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(count));
  }
  if (text.size() > limit_bytes) text.resize(limit_bytes);
  return text;
}

Result<std::string> ReadLink(const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const ssize_t count = ::readlink(path.c_str(), target.data(), target.size());
  if (count < 0) return ErrnoError(path);
  return std::string(target.data(), static_cast<std::size_t>(count));
}

}  // namespace pyleak
