#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/posix/unique_fd.h"

namespace serin::posix {

/// Stands between one client and one server on loopback and passes bytes on when pump() is called, until it is told to
/// do harm.
class HarmfulRelay {
 public:
  struct Harm {
    bool to_server = true;             ///< else in what the server sends
    std::size_t byte = 0;              ///< counted from now on in that direction
    std::optional<unsigned> bit = {};  ///< that is turned; none: both connections end before this byte
  };

  explicit HarmfulRelay(const std::string& server_endpoint)
      : server_port_(std::stoi(server_endpoint.substr(server_endpoint.rfind(':') + 1))),
        listener_(new_socket(SOCK_NONBLOCK)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_.get(), 1) != 0 ||
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("listen");
    }
    endpoint_ = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }

  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }
  void arm(Harm harm) { harm_ = harm; }

  /// Of those there are, one may be readable when there is something to pump. Changes with pump().
  [[nodiscard]] std::vector<int> descriptors() const {
    std::vector<int> all;
    for (const UniqueFd* fd : {&listener_, &client_, &server_}) {
      if (*fd) all.push_back(fd->get());
    }
    return all;
  }

  /// Takes the client in, and passes on what is there.
  void pump() {
    if (!client_) {
      if (!listener_) return;
      client_ = UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!client_) return;
      listener_ = UniqueFd();
      server_ = new_socket(0);
      const sockaddr_in address = loopback(static_cast<std::uint16_t>(server_port_));
      if (::connect(server_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        throw std::runtime_error("connect");
      }
    }
    pass(client_, server_, true);
    pass(server_, client_, false);
  }

 private:
  static UniqueFd new_socket(int flags) { return UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0)); }
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  void pass(UniqueFd& from, UniqueFd& to, bool to_server) {
    std::array<char, 4'096> buffer{};
    while (from && to) {
      const ssize_t got = ::recv(from.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (got <= 0) return end();
      std::string bytes(buffer.data(), static_cast<std::size_t>(got));
      const bool last = do_harm(bytes, to_server);
      for (std::string_view rest = bytes; !rest.empty();) {
        const ssize_t sent = ::send(to.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
        if (sent <= 0) return end();
        rest.remove_prefix(static_cast<std::size_t>(sent));
      }
      if (last) return end();
    }
  }

  /// True when these are the last bytes.
  bool do_harm(std::string& bytes, bool to_server) {
    if (!harm_ || harm_->to_server != to_server) return false;
    if (harm_->byte >= bytes.size()) {
      harm_->byte -= bytes.size();
      return false;
    }
    const Harm harm = *harm_;
    harm_.reset();
    if (harm.bit) {
      bytes[harm.byte] = static_cast<char>(static_cast<unsigned char>(bytes[harm.byte]) ^ (1U << *harm.bit));
    } else {
      bytes.resize(harm.byte);
    }
    return !harm.bit;
  }

  void end() {
    client_ = UniqueFd();
    server_ = UniqueFd();
  }

  int server_port_;
  UniqueFd listener_, client_, server_;
  std::string endpoint_;
  std::optional<Harm> harm_;
};

}  // namespace serin::posix
