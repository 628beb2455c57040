#include "attach/proc/socket_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

namespace pyleak::attach {
namespace {

template <typename T>
std::span<const std::byte> BytesOf(const T& address) {
  return std::as_bytes(std::span(&address, 1));
}

TEST(SocketAddress, WritesAddressesAsUsersDo) {
  sockaddr_in inet{};
  inet.sin_family = AF_INET;
  inet.sin_port = htons(8080);
  inet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(AddressText(BytesOf(inet)), "127.0.0.1:8080");
  sockaddr_in6 inet6{};
  inet6.sin6_family = AF_INET6;
  inet6.sin6_port = htons(80);
  inet6.sin6_addr = in6addr_loopback;
  EXPECT_EQ(AddressText(BytesOf(inet6)), "[::1]:80");
}

TEST(SocketAddress, WritesNamesOfUnixSockets) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, "/run/redis.sock");
  EXPECT_EQ(AddressText(BytesOf(address)), "/run/redis.sock");
  EXPECT_FALSE(AddressText(BytesOf(address).first(sizeof(sa_family_t))).has_value());
  std::memcpy(address.sun_path, "\0name", 5);
  EXPECT_EQ(AddressText(BytesOf(address).first(offsetof(sockaddr_un, sun_path) + 5)), "@name");
}

TEST(SocketAddress, SaysNothingOfTornOnes) {
  sockaddr_in inet{};
  inet.sin_family = AF_INET;
  EXPECT_FALSE(AddressText({}).has_value());
  EXPECT_FALSE(AddressText(BytesOf(inet).first(6)).has_value());
}

TEST(SocketAddress, FindsThePeerOfAConnection) {
  constexpr std::string_view kTable =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0\n"
      "   1: 0100007F:D2F0 0200007F:0050 02 00000000:00000000 01:00000000 00000000     0        0 200 1 0\n"
      "   2: 00000000000000000000000001000000:D2F0 00000000000000000000000001000000:0051 02 0:0 1:0 0 0 0 300 1\n";
  EXPECT_EQ(FindTcpPeer(kTable, 200), "127.0.0.2:80");
  EXPECT_EQ(FindTcpPeer(kTable, 300), "[::1]:81");
  EXPECT_FALSE(FindTcpPeer(kTable, 100).has_value());  // it listens
  EXPECT_FALSE(FindTcpPeer(kTable, 400).has_value());
  EXPECT_FALSE(FindTcpPeer("1: x:y z:w 0 0 0 0 0 0 5", 5).has_value());
}

}  // namespace
}  // namespace pyleak::attach
