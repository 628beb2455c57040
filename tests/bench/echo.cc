// An epoll server that answers each message with the same, and its clients. Messages have 64 bytes.
//     echo serve                     says its port in JSON; serves until its stdin ends
//     echo load PORT SECONDS         sixteen connections, each asking again as soon as it is answered
//     echo block PORT SECONDS        keeps the server from answering for so long
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;
using Message = std::array<char, 64>;

constexpr int kConnections = 16;
/// How a message begins that asks for a block; how long it is to be follows.
constexpr char kBlock[] = "block ";

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// A call that must not fail here.
int Need(int result, const char* what) {
  if (result < 0) {
    std::perror(what);
    std::exit(1);
  }
  return result;
}

void Add(int epoll, int fd) {
  epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
  Need(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

int Listen() {
  const int listener = Need(socket(AF_INET, SOCK_STREAM, 0), "socket");
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof address;
  Need(bind(listener, reinterpret_cast<sockaddr*>(&address), length), "bind");
  Need(listen(listener, kConnections), "listen");
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  std::printf("{\"event\": \"ready\", \"pid\": %d, \"port\": %d}\n", getpid(), ntohs(address.sin_port));
  std::fflush(stdout);
  return listener;
}

void Answer(int fd) {
  Message message{};
  if (recv(fd, message.data(), message.size(), MSG_WAITALL) < static_cast<ssize_t>(message.size())) {
    close(fd);
    return;
  }
  if (std::strncmp(message.data(), kBlock, std::strlen(kBlock)) == 0) {
    const auto end = Clock::now() + Seconds(std::atof(message.data() + std::strlen(kBlock)));
    while (Clock::now() < end) continue;
  }
  send(fd, message.data(), message.size(), MSG_NOSIGNAL);
}

int Serve() {
  const int epoll = epoll_create1(0);
  const int listener = Listen();
  Add(epoll, listener);
  Add(epoll, STDIN_FILENO);
  for (;;) {
    std::array<epoll_event, kConnections> events{};
    const int count = epoll_wait(epoll, events.data(), kConnections, -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == STDIN_FILENO) return 0;
      if (fd == listener) {
        Add(epoll, accept(listener, nullptr, nullptr));
      } else {
        Answer(fd);
      }
    }
  }
}

int Connect(int port) {
  const int fd = Need(socket(AF_INET, SOCK_STREAM, 0), "socket");
  const sockaddr_in address = Loopback(port);
  Need(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
  const int at_once = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
  return fd;
}

int Load(int port, double seconds) {
  const int epoll = epoll_create1(0);
  const Message message{};
  std::map<int, Clock::time_point> asked;
  for (int i = 0; i < kConnections; ++i) {
    const int fd = Connect(port);
    Add(epoll, fd);
    asked[fd] = Clock::now();
    Need(static_cast<int>(send(fd, message.data(), message.size(), 0)), "send");
  }
  std::vector<double> latencies;
  const auto begin = Clock::now();
  auto now = begin;
  while (now < begin + Seconds(seconds)) {
    std::array<epoll_event, kConnections> events{};
    const int count = epoll_wait(epoll, events.data(), kConnections, 1000);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      Message answer{};
      Need(static_cast<int>(recv(fd, answer.data(), answer.size(), MSG_WAITALL)) - 1, "recv");
      now = Clock::now();
      latencies.push_back(Seconds(now - asked[fd]).count());
      asked[fd] = now;
      Need(static_cast<int>(send(fd, message.data(), message.size(), 0)), "send");
    }
  }
  const auto p99 = latencies.begin() + static_cast<std::ptrdiff_t>(latencies.size() * 99 / 100);
  std::nth_element(latencies.begin(), p99, latencies.end());
  std::printf("{\"requests\": %zu, \"rate\": %.1f, \"p99_ms\": %.4f}\n", latencies.size(),
              static_cast<double>(latencies.size()) / Seconds(now - begin).count(), *p99 * 1e3);
  return 0;
}

int Block(int port, const char* seconds) {
  const int fd = Connect(port);
  Message message{};
  std::snprintf(message.data(), message.size(), "%s%s", kBlock, seconds);
  Need(static_cast<int>(send(fd, message.data(), message.size(), 0)), "send");
  return recv(fd, message.data(), message.size(), MSG_WAITALL) > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "serve") return Serve();
  if (command == "load" && argc == 4) return Load(std::atoi(argv[2]), std::atof(argv[3]));
  if (command == "block" && argc == 4) return Block(std::atoi(argv[2]), argv[3]);
  std::fprintf(stderr, "echo: serve, load PORT SECONDS or block PORT SECONDS\n");
  return 2;
}
