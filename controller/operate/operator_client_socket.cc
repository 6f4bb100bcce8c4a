#include "controller/operate/operator_client_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "protocol/limits.h"
#include "protocol/posix/files.h"
#include "protocol/posix/unique_fd.h"
#include "protocol/wire.h"

namespace serin::operate {

namespace {

using namespace std::chrono_literals;
constexpr auto kConnectTime = 5s;
constexpr auto kLook = 200ms;

/// libzmq dials a socket that nobody serves for ever and does not say why: asked of the kernel first.
Result<void> try_path(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.string().size() >= sizeof address.sun_path) {
    return failure(ErrorKind::invalid,
                   fmt::format("--run-dir: {} is longer than a socket's path may be", path.string()));
  }
  std::memcpy(address.sun_path, path.c_str(), path.string().size() + 1);
  const posix::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return std::unexpected(posix::errno_error("open a socket", errno));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return {};
  switch (errno) {
    case ENOENT:
      return failure(ErrorKind::busy, fmt::format("no serin-controller runs here ({} does not exist): start it with "
                                                  "`systemctl start serin-controller`, or name its run_dir with "
                                                  "--run-dir",
                                                  path.string()));
    case ECONNREFUSED:
      return failure(ErrorKind::busy, fmt::format("serin-controller does not run (nobody serves {}): `systemctl start "
                                                  "serin-controller`; why it ended: `journalctl -u serin-controller`",
                                                  path.string()));
    case EACCES:
      return failure(ErrorKind::refused,
                     fmt::format("you may not use {}: become a member of its group (usually serin-operators: `adduser "
                                 "YOU serin-operators`, then log in again)",
                                 path.string()));
    default:
      return std::unexpected(posix::errno_error("connect to " + path.string(), errno));
  }
}

}  // namespace

Result<OperatorClient> OperatorClient::connect(posix::LinkContext& context, const std::filesystem::path& run_dir) {
  const auto path = run_dir / "operator.sock";
  if (auto there = try_path(path); !there) return std::unexpected(there.error());
  auto socket = posix::ClientSocket::dial(context, {.endpoint = "ipc://" + path.string(),
                                                    .curve = std::nullopt,
                                                    .server_key = {},
                                                    .frame_bytes_max = limits::kOperatorFrameBytesMax,
                                                    .high_water_mark = limits::kHighWaterMark});
  if (!socket) return std::unexpected(socket.error());
  const auto give_up = std::chrono::steady_clock::now() + kConnectTime;
  while (socket->state() == posix::ClientSocket::State::dialling && std::chrono::steady_clock::now() < give_up) {
    posix::wait_readable({socket->monitor_fd()}, kLook);
  }
  if (socket->state() != posix::ClientSocket::State::connected) {
    return failure(ErrorKind::busy, fmt::format("serin-controller does not answer at {}: see `journalctl -u "
                                                "serin-controller`",
                                                path.string()));
  }
  return OperatorClient(std::move(*socket));
}

Result<std::uint64_t> OperatorClient::send(const OperatorRequest& request) {
  const std::uint64_t number = ++newest_request_;
  const auto sent =
      socket_.send(encode({.header = {.protocol = limits::kProtocolNewest, .request = number}, .message = request}));
  if (sent == posix::Sent::yes) return number;
  return failure(ErrorKind::busy, "serin-controller is gone");
}

Result<std::optional<OperatorClient::Told>> OperatorClient::take() {
  while (const auto received = socket_.receive()) {
    auto envelope = decode(received->header, received->body);
    if (!envelope) {
      return failure(ErrorKind::corrupt,
                     fmt::format("what serin-controller answers cannot be read ({}): are both of one version?",
                                 envelope.error().text));
    }
    if (auto* event = std::get_if<OperatorEvent>(&envelope->message); event != nullptr) {
      return Told{envelope->header.reply_to, std::move(*event)};
    }
  }
  return std::optional<Told>{};
}

Result<std::optional<OperatorClient::Told>> OperatorClient::receive(std::chrono::milliseconds timeout,
                                                                    const std::vector<int>& wake_fds) {
  auto told = take();
  if (!told || *told) return told;
  std::vector<int> fds{socket_.fd(), socket_.monitor_fd()};
  fds.insert(fds.end(), wake_fds.begin(), wake_fds.end());
  posix::wait_readable(fds, timeout);
  told = take();
  if (!told || *told) return told;
  if (socket_.state() != posix::ClientSocket::State::connected) {
    return failure(ErrorKind::busy, "serin-controller is gone");
  }
  return told;
}

}  // namespace serin::operate
