#include "attach/proc/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <array>
#include <charconv>
#include <cstring>
#include <vector>

namespace pyleak::attach {
namespace {

std::string EndpointText(int family, const void* address, std::uint16_t port) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(family, address, text.data(), text.size());
  const std::string host(text.data());
  return (family == AF_INET6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

template <typename T>
std::optional<T> As(std::span<const std::byte> address) {
  if (address.size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, address.data(), sizeof value);
  return value;
}

std::optional<std::string> UnixText(std::span<const std::byte> name) {
  if (name.empty()) return std::nullopt;
  std::string text(name.size(), '\0');
  std::memcpy(text.data(), name.data(), name.size());
  if (text[0] == '\0') return "@" + text.substr(1);
  text.resize(::strnlen(text.data(), text.size()));
  return text;
}

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  for (std::size_t at = line.find_first_not_of(' '); at != std::string_view::npos;
       at = line.find_first_not_of(' ', at)) {
    const std::size_t end = std::min(line.find(' ', at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

template <typename T>
bool ParseHexadecimal(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return error == std::errc() && end == text.data() + text.size();
}

/// "0100007F:0050": the address in 32-bit words of the machine's own byte order.
std::optional<std::string> TableEndpoint(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  std::array<std::uint32_t, 4> address{};
  for (std::size_t i = 0; i < colon / 8; ++i) {
    if (!ParseHexadecimal(text.substr(i * 8, 8), address.at(i))) return std::nullopt;
  }
  std::uint16_t port = 0;
  if (!ParseHexadecimal(text.substr(colon + 1), port) || port == 0) return std::nullopt;
  return EndpointText(colon == 8 ? AF_INET : AF_INET6, address.data(), port);
}

}  // namespace

std::optional<std::string> AddressText(std::span<const std::byte> address) {
  const auto family = As<sa_family_t>(address);
  if (!family) return std::nullopt;
  if (*family == AF_UNIX) return UnixText(address.subspan(sizeof(sa_family_t)));
  if (*family == AF_INET) {
    const auto inet = As<sockaddr_in>(address);
    return inet ? std::optional(EndpointText(AF_INET, &inet->sin_addr, ntohs(inet->sin_port))) : std::nullopt;
  }
  if (*family != AF_INET6) return std::nullopt;
  const auto inet = As<sockaddr_in6>(address);
  return inet ? std::optional(EndpointText(AF_INET6, &inet->sin6_addr, ntohs(inet->sin6_port))) : std::nullopt;
}

std::optional<std::string> FindTcpPeer(std::string_view table, std::uint64_t inode) {
  const std::string wanted = std::to_string(inode);
  while (!table.empty()) {
    const std::size_t end = std::min(table.find('\n'), table.size());
    const auto words = Words(table.substr(0, end));
    table.remove_prefix(std::min(end + 1, table.size()));
    // sl local_address rem_address st queues timer retransmits uid timeout inode
    if (words.size() > 9 && words[9] == wanted) return TableEndpoint(words[2]);
  }
  return std::nullopt;
}

}  // namespace pyleak::attach
