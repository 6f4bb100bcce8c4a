#include <fmt/format.h>

#include <cerrno>

#include "protocol/posix/link_guards.h"
#include "protocol/posix/link_parts.h"

namespace serin::posix {

namespace {

constexpr int kWatched = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                         ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                         ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_CONNECT_RETRIED;
constexpr std::uint32_t kZapUnknownKey = 400;

Result<void> check(const ClientSocket::Options& options) {
  if (options.frame_bytes_max == 0) {
    return failure(ErrorKind::invalid, fmt::format("{} has no bound for its frames", options.endpoint));
  }
  if (!options.curve) {
    if (options.endpoint.starts_with("ipc://")) return {};
    return failure(ErrorKind::invalid, fmt::format("{} needs keys: only ipc is dialled without", options.endpoint));
  }
  for (const auto* key : {&options.server_key, &options.curve->public_key, &options.curve->secret_key}) {
    if (key->size() != kCurveKeyBytes) {
      return failure(ErrorKind::invalid,
                     fmt::format("a key for {} has {} bytes, not 32", options.endpoint, key->size()));
    }
  }
  return {};
}

}  // namespace

namespace link {

Result<void> configure_client(void* socket, const ClientSocket::Options& options) {
  Options set(socket);
  set_common(set, options.frame_bytes_max, options.high_water_mark, options.curve.has_value());
  // No queue before there is a connection: what waited in it would arrive before the hello of the next session.
  set.set(ZMQ_IMMEDIATE, 1);
  set.set(ZMQ_CONNECT_TIMEOUT, 10'000);
  // libzmq shall not redial within our life, the owner does; but with -1 it would not even say that a name has no
  // address, and with this the monitor tells of every end.
  set.set(ZMQ_RECONNECT_IVL, 3'600'000);
  if (options.curve) {
    set.set(ZMQ_CURVE_SERVERKEY, options.server_key);
    set.set(ZMQ_CURVE_PUBLICKEY, options.curve->public_key);
    set.set(ZMQ_CURVE_SECRETKEY, options.curve->secret_key);
  }
  return set.result();
}

}  // namespace link

struct ClientSocket::Parts {
  link::Socket socket;
  link::Monitor monitor;  // after the socket, so that it ends before
  link::Readiness readiness;
  link::Readiness monitor_readiness;
  link::Reader reader;
  std::size_t frame_bytes_max;
  State state = State::dialling;

  Parts(link::Socket made, link::Monitor begun, const Options& options)
      : socket(std::move(made)),
        monitor(std::move(begun)),
        readiness(socket.get()),
        monitor_readiness(monitor.socket()),
        reader({.routed = false, .frame_bytes_max = options.frame_bytes_max}),
        frame_bytes_max(options.frame_bytes_max) {}

  void apply(const link::Monitor::Event& event);
  void read_events();
};

void ClientSocket::Parts::apply(const link::Monitor::Event& event) {
  // What comes after an end (its socket closes, it would redial) is no news.
  if (state == State::denied || state == State::lost) return;
  if (event.event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
    state = State::connected;
  } else if (event.event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH && event.value == kZapUnknownKey) {
    state = State::denied;
  } else {
    state = State::lost;
  }
}

void ClientSocket::Parts::read_events() {
  while (const auto event = monitor.next()) apply(*event);
}

ClientSocket::ClientSocket(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
ClientSocket::ClientSocket(ClientSocket&&) noexcept = default;
ClientSocket& ClientSocket::operator=(ClientSocket&&) noexcept = default;
ClientSocket::~ClientSocket() = default;

Result<ClientSocket> ClientSocket::dial(LinkContext& context, const Options& options) {
  if (auto checked = check(options); !checked) return std::unexpected(checked.error());
  auto socket = link::Socket::open(context, ZMQ_DEALER);
  if (!socket) return std::unexpected(socket.error());
  if (auto configured = link::configure_client(socket->get(), options); !configured)
    return failure(configured.error(), options.endpoint);
  auto monitor = link::Monitor::begin(context, socket->get(), kWatched);
  if (!monitor) return std::unexpected(monitor.error());
  ClientSocket client(std::make_unique<Parts>(std::move(*socket), std::move(*monitor), options));
  if (::zmq_connect(client.parts_->socket.get(), options.endpoint.c_str()) != 0) {
    return std::unexpected(link::zmq_error("dial " + options.endpoint, errno));
  }
  return client;
}

ClientSocket::State ClientSocket::state() {
  parts_->read_events();
  parts_->monitor_readiness.nothing_left();
  return parts_->state;
}

int ClientSocket::fd() const {
  return parts_->readiness.fd();
}
int ClientSocket::monitor_fd() const {
  return parts_->monitor_readiness.fd();
}

std::optional<Received> ClientSocket::receive() {
  Received message;
  const auto outcome = parts_->reader.next(parts_->socket.get(), message);
  if (outcome == link::Reader::Outcome::empty) {
    parts_->readiness.nothing_left();
    return std::nullopt;
  }
  parts_->readiness.look_again();
  if (outcome == link::Reader::Outcome::tired) return std::nullopt;
  return message;
}

Sent ClientSocket::send(const Frames& frames, std::string_view payload) {
  const State before = parts_->state;
  parts_->read_events();
  // The owner waits on monitor_fd() for this news and has not asked for it.
  if (parts_->state != before) parts_->monitor_readiness.look_again();
  if (parts_->state != State::connected) return Sent::peer_gone;
  const Sent sent = link::send_message(parts_->socket.get(), parts_->frame_bytes_max, {}, frames, payload);
  parts_->readiness.look_if_readable();
  return sent;
}

}  // namespace serin::posix
