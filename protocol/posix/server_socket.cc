#include <fmt/format.h>

#include <cerrno>
#include <stdexcept>

#include "protocol/posix/files.h"
#include "protocol/posix/link_guards.h"
#include "protocol/posix/link_parts.h"

namespace serin::posix {

namespace {

using namespace std::chrono_literals;

constexpr auto kProbeTime = 10s;

Result<std::string> bind_to(void* socket, const std::string& endpoint) {
  if (::zmq_bind(socket, endpoint.c_str()) != 0) return std::unexpected(link::zmq_error("bind " + endpoint, errno));
  std::string bound(1'024, '\0');
  std::size_t size = bound.size();
  if (::zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, bound.data(), &size) != 0) {
    return std::unexpected(link::zmq_error("ask the address of " + endpoint, errno));
  }
  bound.resize(size - 1);  // it counts the final zero
  return bound;
}

Result<void> check(const ServerSocket::Options& options) {
  const bool local = options.endpoint.starts_with("ipc://");
  if (!options.curve && !local) {
    return failure(ErrorKind::invalid, fmt::format("{} needs keys: only ipc is served without", options.endpoint));
  }
  if (options.curve && options.curve->secret_key.size() != kCurveKeyBytes) {
    return failure(ErrorKind::invalid, fmt::format("the secret key of {} has not 32 bytes", options.endpoint));
  }
  if (options.frame_bytes_max == 0) {
    return failure(ErrorKind::invalid, fmt::format("{} has no bound for its frames", options.endpoint));
  }
  return {};
}

/// "localhost:UID:GID:PID", of which the kernel has supplied the last three, as "UID:GID:PID".
std::string local_peer(const std::string& address) {
  std::size_t from = address.size();
  for (int i = 0; i < 3; ++i) {
    if (from == 0) return {};
    from = address.rfind(':', from - 1);
    if (from == std::string::npos) return {};
  }
  return address.substr(from + 1);
}

/// How the server receives the stranger.
Result<ClientSocket::State> try_stranger(LinkContext& context, const ServerSocket::Options& options,
                                         const std::string& endpoint, const CurveKeys& stranger) {
  auto server = curve_keys_from_secret(options.curve->secret_key);
  if (!server) return std::unexpected(server.error());
  auto client = ClientSocket::dial(context, {.endpoint = endpoint,
                                             .curve = stranger,
                                             .server_key = server->public_key,
                                             .frame_bytes_max = options.frame_bytes_max});
  if (!client) return std::unexpected(client.error());
  const auto give_up = std::chrono::steady_clock::now() + kProbeTime;
  auto state = client->state();
  while (state == ClientSocket::State::dialling && std::chrono::steady_clock::now() < give_up) {
    wait_readable({client->monitor_fd()}, 100ms);
    state = client->state();
  }
  return state;
}

}  // namespace

namespace link {

Result<void> configure_server(void* socket, const ServerSocket::Options& options, const Guards& guards) {
  Options set(socket);
  set_common(set, options.frame_bytes_max, options.high_water_mark, options.curve.has_value());
  set.set(ZMQ_BACKLOG, 4'096);
  // Without MANDATORY a message to nobody is a success; with HANDOVER any accepted key takes another's connection over.
  set.set(ZMQ_ROUTER_MANDATORY, 1);
  set.set(ZMQ_ROUTER_HANDOVER, 0);
  if (options.curve) {
    set.set(ZMQ_CURVE_SERVER, 1);
    set.set(ZMQ_CURVE_SECRETKEY, options.curve->secret_key);
    set.set(ZMQ_ZAP_DOMAIN, kZapDomain);
    if (guards.enforce_domain) set.set(kZapEnforceDomain, 1);
  }
  return set.result();
}

Result<void> prove_that_strangers_are_refused(LinkContext& context, const ServerSocket::Options& options,
                                              const Guards& guards) {
  const std::string doing = fmt::format("the self-test of {}", options.endpoint);
  auto socket = Socket::open(context, ZMQ_ROUTER);
  if (!socket) return failure(socket.error(), doing);
  if (auto configured = configure_server(socket->get(), options, guards); !configured)
    return failure(configured.error(), doing);
  auto endpoint = bind_to(socket->get(), "tcp://127.0.0.1:*");
  if (!endpoint) return failure(endpoint.error(), doing);
  const CurveKeys stranger = make_curve_keys();
  auto& ours = context.parts().probe_keys;
  ours.with([&](auto& keys) { keys.insert(stranger.public_key); });
  const auto state = try_stranger(context, options, *endpoint, stranger);
  ours.with([&](auto& keys) { keys.erase(stranger.public_key); });
  if (!state) return failure(state.error(), doing);
  switch (*state) {
    case ClientSocket::State::denied:
      return {};
    case ClientSocket::State::connected:
      return failure(ErrorKind::refused, doing + ": a stranger's key was accepted; nothing is served");
    case ClientSocket::State::dialling:
    case ClientSocket::State::lost:
      break;
  }
  return failure(ErrorKind::refused, doing + ": no Gatekeeper has answered; nothing is served");
}

}  // namespace link

struct ServerSocket::Parts {
  LinkContext& context;
  link::Socket socket;
  link::Readiness readiness;
  link::Reader reader;
  std::size_t frame_bytes_max;
  bool local;
  std::string endpoint;

  Parts(LinkContext& with_context, link::Socket made, const Options& options, std::string bound)
      : context(with_context),
        socket(std::move(made)),
        readiness(socket.get()),
        reader({.routed = true, .frame_bytes_max = options.frame_bytes_max}),
        frame_bytes_max(options.frame_bytes_max),
        local(!options.curve),
        endpoint(std::move(bound)) {}

  [[nodiscard]] std::string name_of(const std::string& key) const {
    return context.parts().admitted.with([&](const auto& names) {
      const auto found = names.find(key);
      return found == names.end() ? std::string() : found->second;
    });
  }
};

ServerSocket::ServerSocket(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
ServerSocket::ServerSocket(ServerSocket&&) noexcept = default;
ServerSocket& ServerSocket::operator=(ServerSocket&&) noexcept = default;
ServerSocket::~ServerSocket() = default;

Result<ServerSocket> ServerSocket::bind(LinkContext& context, const Options& options) {
  if (auto checked = check(options); !checked) return std::unexpected(checked.error());
  if (options.curve) {
    if (auto proven = link::prove_that_strangers_are_refused(context, options, {}); !proven) {
      return std::unexpected(proven.error());
    }
  }
  auto socket = link::Socket::open(context, ZMQ_ROUTER);
  if (!socket) return std::unexpected(socket.error());
  if (auto configured = link::configure_server(socket->get(), options, {}); !configured)
    return failure(configured.error(), options.endpoint);
  auto bound = bind_to(socket->get(), options.endpoint);
  if (!bound) return std::unexpected(bound.error());
  return ServerSocket(std::make_unique<Parts>(context, std::move(*socket), options, *bound));
}

std::string ServerSocket::endpoint() const {
  return parts_->endpoint;
}
int ServerSocket::fd() const {
  return parts_->readiness.fd();
}
std::uint64_t ServerSocket::malformed() const {
  return parts_->reader.malformed();
}

std::optional<Received> ServerSocket::receive() {
  Received message;
  const auto outcome = parts_->reader.next(parts_->socket.get(), message);
  if (outcome == link::Reader::Outcome::empty) {
    parts_->readiness.nothing_left();
    return std::nullopt;
  }
  parts_->readiness.look_again();
  if (outcome == link::Reader::Outcome::tired) return std::nullopt;
  message.user_id = parts_->local ? local_peer(message.peer_address) : parts_->name_of(message.user_id);
  return message;
}

Sent ServerSocket::send(const std::string& connection, const Frames& frames, std::string_view payload) {
  if (connection.empty()) return Sent::peer_gone;
  const Sent sent = link::send_message(parts_->socket.get(), parts_->frame_bytes_max, connection, frames, payload);
  parts_->readiness.look_if_readable();
  return sent;
}

}  // namespace serin::posix
