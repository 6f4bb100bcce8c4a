#include "controller/operate/operator_socket.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "controller/operate/answers.h"
#include "controller/operate/render.h"
#include "protocol/limits.h"
#include "protocol/posix/files.h"
#include "protocol/text.h"

namespace serin::operate {

namespace {

constexpr std::size_t kIpcPathBytesMax = 107;
/// Escaping makes a byte four at most, so this fits into a frame whatever it is.
constexpr std::size_t kTextBytesKept = limits::kOperatorFrameBytesMax / 8;

/// user_id is "UID:GID:PID", from the kernel.
Caller caller_of(const std::string& user_id) {
  Caller caller{.uid = 65534, .name = "nobody"};
  std::uint32_t uid = 0;
  if (std::from_chars(user_id.data(), user_id.data() + user_id.size(), uid).ec != std::errc{}) return caller;
  caller.uid = uid;
  const passwd* entry = ::getpwuid(uid);  // NOLINT(concurrency-mt-unsafe): one thread asks for users
  caller.name = entry == nullptr ? fmt::format("uid {}", uid) : entry->pw_name;
  return caller;
}

/// Nothing for no group.
Result<std::optional<gid_t>> find_group(const std::string& name) {
  if (name.empty()) return std::nullopt;
  const auto* entry = ::getgrnam(name.c_str());  // NOLINT(concurrency-mt-unsafe): one thread asks for groups
  if (entry != nullptr) return entry->gr_gid;
  return failure(ErrorKind::not_found, fmt::format("operators_group: there is no group '{}' on this machine: create it "
                                                   "(groupadd --system {}) or set operators_group = \"\"",
                                                   name, name));
}

Result<void> share_with(const std::filesystem::path& path, std::optional<gid_t> group, const std::string& name) {
  if (group && ::chown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) {
    return std::unexpected(
        posix::errno_error(fmt::format("give {} to group {} (is the daemon a member?)", path.string(), name), errno));
  }
  if (::chmod(path.c_str(), group ? 0660 : 0600) != 0) {
    return std::unexpected(posix::errno_error("chmod " + path.string(), errno));
  }
  return {};
}

/// What is left of an event that no frame can hold: the CLI learns the end all the same, and a script that it is not
/// all.
OperatorEvent shortened(const OperatorEvent& event) {
  OperatorEvent rest = event;
  rest.text = printable_lines(event.text, kTextBytesKept);
  rest.json = fmt::format(R"({{"event":"too large","kind":{},"exit":{}}})", json_string(event.kind), event.exit_code);
  return rest;
}

}  // namespace

Result<OperatorSocket> OperatorSocket::bind(posix::LinkContext& context, const std::filesystem::path& run_dir,
                                            const std::string& group) {
  const std::filesystem::path path = run_dir / "operator.sock";
  if (path.string().size() > kIpcPathBytesMax) {
    return failure(ErrorKind::invalid,
                   fmt::format("run_dir: {} is longer than the {} bytes that a socket's path may have", path.string(),
                               kIpcPathBytesMax));
  }
  const auto gid = find_group(group);
  if (!gid) return std::unexpected(gid.error());
  auto lock = posix::LockFile::acquire(run_dir / "operator.lock");
  if (!lock && lock.error().kind == ErrorKind::busy) {
    return failure(ErrorKind::busy, fmt::format("another serin-controller serves operators in {}: stop it first, or "
                                                "give this one its own run_dir",
                                                run_dir.string()));
  }
  if (!lock) return std::unexpected(lock.error());
  ::unlink(path.c_str());
  const mode_t before = ::umask(0177);
  auto socket = posix::ServerSocket::bind(context, {.endpoint = "ipc://" + path.string(),
                                                    .curve = std::nullopt,
                                                    .frame_bytes_max = limits::kOperatorFrameBytesMax,
                                                    .high_water_mark = limits::kHighWaterMark});
  ::umask(before);
  if (!socket) return std::unexpected(socket.error());
  if (auto shared = share_with(path, *gid, group); !shared) return std::unexpected(shared.error());
  return OperatorSocket(std::move(*lock), std::move(*socket), path);
}

std::optional<OperatorSocket::Asked> OperatorSocket::receive() {
  send_waiting();
  while (auto received = socket_.receive()) {
    auto envelope = decode(received->header, received->body);
    if (!envelope) {
      tell(received->connection, 0,
           error_event(fmt::format("the daemon could not read the request: {}", envelope.error().text), 1));
      continue;
    }
    auto* request = std::get_if<OperatorRequest>(&envelope->message);
    if (request == nullptr) {
      tell(received->connection, envelope->header.request, error_event("this is no request of an operator", 1));
      continue;
    }
    return Asked{.connection = std::move(received->connection),
                 .request = envelope->header.request,
                 .caller = caller_of(received->user_id),
                 .body = std::move(*request)};
  }
  return std::nullopt;
}

posix::Sent OperatorSocket::send(const std::string& connection, std::uint64_t request, const OperatorEvent& event) {
  const auto sent = socket_.send(
      connection, encode({.header = {.protocol = limits::kProtocolNewest, .reply_to = request}, .message = event}));
  return sent == posix::Sent::too_large ? send(connection, request, shortened(event)) : sent;
}

void OperatorSocket::send_waiting() {
  for (auto item = waiting_.begin(); item != waiting_.end();) {
    auto& [connection, events] = *item;
    auto sent = posix::Sent::yes;
    while (!events.empty() && sent == posix::Sent::yes) {
      sent = send(connection, events.front().request, events.front().event);
      if (sent == posix::Sent::yes) events.pop_front();
    }
    item = sent == posix::Sent::queue_full ? std::next(item) : waiting_.erase(item);
  }
}

bool OperatorSocket::tell(const std::string& connection, std::uint64_t request, const OperatorEvent& event) {
  const auto known = waiting_.find(connection);
  const auto sent = known == waiting_.end() ? send(connection, request, event) : posix::Sent::queue_full;
  if (sent != posix::Sent::queue_full) return sent != posix::Sent::peer_gone;
  if (event.kind == "progress") return true;  // the next one says more
  auto& events = waiting_[connection];
  if (events.size() >= kWaitingMax) return false;
  events.push_back({request, event});
  return true;
}

}  // namespace serin::operate
