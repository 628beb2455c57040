#include "attach/proc/descriptor.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <optional>
#include <span>
#include <string_view>

#include "attach/base/file.h"
#include "attach/proc/living_thread.h"
#include "attach/proc/socket_address.h"

namespace pyleak::attach {
namespace {

constexpr std::size_t kInfoBytes = std::size_t{64} << 10;
/// The table of a machine's connections may be long; what is not in its first part stays unnamed.
constexpr std::size_t kTableBytes = std::size_t{1} << 20;

using AddressFunction = int (*)(int, sockaddr*, socklen_t*);

std::optional<std::string> AddressBy(AddressFunction function, const UniqueFd& socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (function(socket.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return std::nullopt;
  return AddressText(std::as_bytes(std::span(&address, 1)).first(std::min<std::size_t>(length, sizeof address)));
}

/// A connection that is being made has no peer yet for getpeername(2).
std::optional<std::string> PeerInTables(int pid, std::uint64_t inode) {
  for (const char* table : {"net/tcp", "net/tcp6"}) {
    const auto text = ReadTextFile(SharedProcPath(pid, table), kTableBytes);
    if (!text) continue;
    if (auto peer = FindTcpPeer(*text, inode)) return peer;
  }
  return std::nullopt;
}

/// The number after `name`; nothing if there is none.
std::optional<std::uint64_t> NumberAfter(std::string_view text, std::string_view name) {
  const std::size_t at = text.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(std::min(text.find_first_not_of(" \t", at + name.size()), text.size()));
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() ? std::optional(number) : std::nullopt;
}

std::string ReadInfo(int pid, int descriptor) {
  auto text = ReadTextFile(SharedProcPath(pid, "fdinfo/" + std::to_string(descriptor)), kInfoBytes);
  return text ? *std::move(text) : "";
}

}  // namespace

UniqueFd CopyDescriptor(const ProcessIdentity& process, int descriptor) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_getfd, process.pidfd(), descriptor, 0)));
}

std::string NameDescriptor(const ProcessIdentity& process, int descriptor) {
  auto link = ReadLink(SharedProcPath(process.pid(), "fd/" + std::to_string(descriptor)));
  if (!link) return "";
  const auto inode = NumberAfter(*link, "socket:[");
  if (!inode) return *std::move(link);
  if (const UniqueFd socket = CopyDescriptor(process, descriptor)) {
    if (auto peer = AddressBy(::getpeername, socket)) return *std::move(peer);
  }
  if (auto peer = PeerInTables(process.pid(), *inode)) return *std::move(peer);
  if (const UniqueFd socket = CopyDescriptor(process, descriptor)) {
    if (auto own = AddressBy(::getsockname, socket)) return *std::move(own);
  }
  return *std::move(link);
}

bool IsEpollInstance(int pid, int descriptor) {
  const auto link = ReadLink(SharedProcPath(pid, "fd/" + std::to_string(descriptor)));
  return link.ok() && *link == "anon_inode:[eventpoll]";
}

std::vector<int> EpollTargets(int pid, int epoll) {
  const std::string text = ReadInfo(pid, epoll);
  std::vector<int> targets;
  constexpr std::string_view kName = "tfd:";
  for (std::size_t at = text.find(kName); at != std::string::npos; at = text.find(kName, at + 1)) {
    if (const auto target = NumberAfter(std::string_view(text).substr(at), kName)) {
      targets.push_back(static_cast<int>(*target));
    }
  }
  return targets;
}

int ProcessOfPidfd(int pid, int descriptor) {
  return static_cast<int>(NumberAfter(ReadInfo(pid, descriptor), "Pid:").value_or(0));
}

}  // namespace pyleak::attach
