#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "protocol/posix/unique_fd.h"

namespace serin::posix {

/// Bytes of ZMTP 3.0 (https://rfc.zeromq.org/spec/23/), written by hand, so that they can be wrong.
namespace zmtp {

inline std::string greeting(std::string_view mechanism) {
  std::string bytes("\xff\0\0\0\0\0\0\0\0\x7f\x03\0", 12);
  bytes += mechanism;
  bytes.resize(64, '\0');
  return bytes;
}

inline std::string size_of_frame(std::uint64_t size) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>((size >> shift) & 255U));
  return bytes;
}

inline std::string frame(std::string_view body, bool more) {
  std::string bytes(1, more ? '\x03' : '\x02');  // long, and perhaps more to come
  return bytes + size_of_frame(body.size()) + std::string(body);
}

inline std::string property(std::string_view name, std::string_view value) {
  std::string bytes(1, static_cast<char>(name.size()));
  bytes += name;
  return bytes + size_of_frame(value.size()).substr(4) + std::string(value);
}

inline std::string ready(const std::string& properties) {
  const std::string body = "\x05READY" + properties;
  return std::string(1, '\x04') + static_cast<char>(body.size()) + body;
}

/// A heartbeat of ZMTP 3.1: hang up when nothing comes from me for so many tenths of a second.
inline std::string ping(std::uint16_t tenths) {
  const std::string body = "\x04PING" + size_of_frame(tenths).substr(6);
  return std::string(1, '\x04') + static_cast<char>(body.size()) + body;
}

}  // namespace zmtp

/// A peer without libzmq.
class RawPeer {
 public:
  static RawPeer tcp(const std::string& endpoint) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return RawPeer(AF_INET, &address, sizeof address);
  }
  static RawPeer ipc(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return RawPeer(AF_UNIX, &address, sizeof address);
  }

  /// False when the other side has closed.
  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// The handshake without encryption. True once the server's READY has come: what is sent earlier is to libzmq one
  /// more command of the handshake, and it hangs up.
  bool shake_hands(const std::string& properties) {
    if (!write(zmtp::greeting("NULL") + zmtp::ready(properties))) return false;
    if (!read(zmtp::greeting("NULL").size())) return false;
    const auto head = read(2);
    return head && head->front() == '\x04' && read(static_cast<unsigned char>(head->back()));
  }

  /// Exactly so many bytes; nothing when the other side closes first or half a minute passes.
  std::optional<std::string> read(std::size_t count) {
    std::string bytes(count, '\0');
    for (std::size_t have = 0; have < count;) {
      if (!has_news()) return std::nullopt;
      const ssize_t got = ::recv(fd_.get(), bytes.data() + have, count - have, 0);
      if (got == 0 || (got < 0 && errno != EINTR)) return std::nullopt;
      if (got > 0) have += static_cast<std::size_t>(got);
    }
    return bytes;
  }

  /// Reads and forgets until the other side closes; false when it does not within half a minute.
  bool is_hung_up_on() {
    std::array<char, 4'096> bytes{};
    for (;;) {
      if (!has_news()) return false;
      const ssize_t got = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
      if (got == 0 || (got < 0 && errno != EINTR)) return true;
    }
  }

 private:
  RawPeer(int family, const void* address, socklen_t size) : fd_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (fd_.get() < 0) throw std::runtime_error("socket");
    if (::connect(fd_.get(), static_cast<const sockaddr*>(address), size) != 0) throw std::runtime_error("connect");
  }
  [[nodiscard]] bool has_news() const {
    pollfd polled{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    int count = -1;
    do {
      count = ::poll(&polled, 1, 30'000);
    } while (count < 0 && errno == EINTR);
    return count > 0;
  }

  UniqueFd fd_;
};

}  // namespace serin::posix
