#include "tests/controller/evidence/faulty_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>

namespace serin::evidence {

namespace {

/// The whole request: its head, and the body that the head announces.
std::string read_request(int connection) {
  std::string request;
  std::array<char, 4'096> bytes{};
  while (true) {
    const std::size_t head = request.find("\r\n\r\n");
    if (head != std::string::npos) {
      constexpr std::string_view kLength = "Content-Length: ";
      const std::size_t at = request.find(kLength);
      std::size_t length = 0;
      if (at < head) std::from_chars(request.data() + at + kLength.size(), request.data() + head, length);
      if (request.size() >= head + 4 + length) return request;
    }
    const ssize_t count = ::recv(connection, bytes.data(), bytes.size(), 0);
    if (count <= 0) return request;
    request.append(bytes.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace

FaultyServer::FaultyServer(std::vector<Says> says) : says_(std::move(says)) {
  listener_ = posix::UniqueFd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_.get(), any, size) != 0 || ::listen(listener_.get(), 16) != 0 ||
      ::getsockname(listener_.get(), any, &size) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

FaultyServer::~FaultyServer() {
  thread_.request_stop();
  ::shutdown(listener_.get(), SHUT_RDWR);
}

std::string FaultyServer::url() const {
  return fmt::format("http://127.0.0.1:{}", port_);
}

std::string FaultyServer::next_request() {
  return requests_.wait(std::stop_token{}).value();
}

void FaultyServer::run(const std::stop_token& stop) {
  for (const Says& says : says_) {
    const posix::UniqueFd connection{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (stop.stop_requested() || connection.get() < 0) return;
    serve(connection.get(), says);
  }
}

void FaultyServer::serve(int connection, const Says& says) {
  requests_.post(read_request(connection));
  std::string_view left = says.bytes;
  while (!left.empty()) {
    const ssize_t sent = ::send(connection, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    left.remove_prefix(static_cast<std::size_t>(sent));
  }
  std::array<char, 64> bytes{};
  while (says.keeps_open && ::recv(connection, bytes.data(), bytes.size(), 0) > 0) {
  }
}

}  // namespace serin::evidence
