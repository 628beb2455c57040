#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace pyleak::attach {

/// A struct sockaddr in words: "127.0.0.1:80", "[::1]:80", the path of a Unix socket, "@name" for an abstract one.
/// std::nullopt: another family, a socket without a name, or too few bytes.
std::optional<std::string> AddressText(std::span<const std::byte> address);

/// Where the TCP socket with that inode is connected to, or is being connected to, by the text of /proc/PID/net/tcp or
/// tcp6 (proc(5)). std::nullopt: it is not in there, or has no peer.
std::optional<std::string> FindTcpPeer(std::string_view table, std::uint64_t inode);

}  // namespace pyleak::attach
