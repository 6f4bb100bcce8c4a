#include "agent/pull/source_dial_socket.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "protocol/limits.h"
#include "protocol/posix/system_clock.h"
#include "protocol/wire.h"

namespace serin::pull {

namespace {

using namespace std::chrono_literals;
constexpr Duration kAnswerMax = 3s;
constexpr Duration kLook = 100ms;

Result<posix::ClientSocket> dial(posix::LinkContext& context, const posix::CurveKeys& keys, const Source& source) {
  return posix::ClientSocket::dial(context, {.endpoint = source.endpoint,
                                             .curve = keys,
                                             .server_key = source.server_key,
                                             .frame_bytes_max = limits::kContentFrameBytesMax,
                                             .high_water_mark = limits::kHighWaterMark});
}

/// A proxy that was asked whether it is ready.
struct Asked {
  Source source;
  std::optional<posix::ClientSocket> socket;  ///< nothing: it is out
  bool sent = false, lacks = false;
  std::string trouble = fmt::format("did not answer for {} s", kAnswerMax / 1s);

  void give_up(std::string why) {
    trouble = std::move(why);
    socket.reset();
  }
  /// True when it is ready to serve.
  bool look(const GetObject& probe) {
    if (!socket) return false;
    switch (socket->state()) {
      case posix::ClientSocket::State::dialling:
        return false;
      case posix::ClientSocket::State::denied:
        give_up("does not know this host's key");
        return false;
      case posix::ClientSocket::State::lost:
        give_up(sent ? "ended the connection" : "cannot be reached");
        return false;
      case posix::ClientSocket::State::connected:
        break;
    }
    if (!sent) {
      sent =
          socket->send(encode({.header = {.protocol = limits::kProtocolNewest}, .message = probe})) == posix::Sent::yes;
    }
    const auto received = socket->receive();
    if (!received) return false;
    const auto envelope = decode(received->header, received->body);
    if (!envelope) {
      give_up("sent what is no message: " + envelope.error().text);
      return false;
    }
    const auto* refused = std::get_if<ObjectRefused>(&envelope->message);
    lacks = refused != nullptr && refused->reason != RefusalReason::busy;
    return !lacks;
  }
};

/// The quickest of these; nothing when none of them serves. All that do not are dropped.
std::optional<Dialled> quickest(posix::LinkContext& context, const posix::CurveKeys& keys, SourceChoice& sources,
                                const std::vector<Source>& proxies, const GetObject& probe,
                                const std::stop_token& stop) {
  std::vector<Asked> all;
  all.reserve(proxies.size());
  for (const Source& proxy : proxies) {
    Asked& asked = all.emplace_back(Asked{.source = proxy, .socket = std::nullopt});
    if (auto socket = dial(context, keys, proxy)) {
      asked.socket.emplace(std::move(*socket));
    } else {
      asked.trouble = "cannot be dialled: " + socket.error().text;
    }
  }
  const auto take = [](Asked& asked) { return Dialled{std::move(*asked.socket), asked.source}; };
  const SteadyTime until = posix::boot_time() + kAnswerMax;
  while (!stop.stop_requested() && posix::boot_time() < until) {
    std::vector<int> fds;
    for (Asked& asked : all) {
      if (asked.look(probe)) return take(asked);
      if (asked.socket && !asked.lacks) fds.insert(fds.end(), {asked.socket->fd(), asked.socket->monitor_fd()});
    }
    if (fds.empty()) break;
    posix::wait_readable(fds, kLook);
  }
  // One that lacks this may have the rest.
  for (Asked& asked : all) {
    if (asked.socket && asked.lacks) return take(asked);
  }
  if (stop.stop_requested()) return std::nullopt;
  for (const Asked& asked : all) sources.drop(asked.source, asked.trouble);
  return std::nullopt;
}

}  // namespace

Result<Dialled> dial_next(posix::LinkContext& context, const posix::CurveKeys& keys, SourceChoice& sources,
                          const GetObject& probe, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto next = sources.next();
    if (next.front().is_proxy()) {
      if (auto found = quickest(context, keys, sources, next, probe, stop)) return std::move(*found);
      continue;
    }
    auto socket = dial(context, keys, next.front());
    if (!socket) return std::unexpected(socket.error());
    return Dialled{std::move(*socket), next.front()};
  }
  return failure(ErrorKind::busy, "stopped: a newer order took its place");
}

}  // namespace serin::pull
