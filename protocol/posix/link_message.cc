#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "protocol/limits.h"
#include "protocol/posix/files.h"
#include "protocol/posix/link_parts.h"

namespace serin::posix::link {

namespace {

using namespace std::chrono_literals;

/// What CURVE adds to each frame: command name, nonce, authenticator, flags.
constexpr std::size_t kCurveFrameOverhead = 33;
constexpr int kDroppedFramesPerTurn = 4'096;
constexpr std::size_t kAutomaticIdBytes = 5;

class Frame {
 public:
  Frame() { ::zmq_msg_init(&message_); }
  ~Frame() { ::zmq_msg_close(&message_); }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
  zmq_msg_t& message() { return message_; }
  /// False when nothing is there.
  bool receive(void* socket) {
    int got = -1;
    do {
      got = ::zmq_msg_recv(&message_, socket, ZMQ_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    return got >= 0;
  }

 private:
  zmq_msg_t message_{};
};

std::string_view bytes_of(zmq_msg_t& frame) {
  return {static_cast<const char*>(::zmq_msg_data(&frame)), ::zmq_msg_size(&frame)};
}

std::string property_of(zmq_msg_t& frame, const char* name) {
  const char* value = ::zmq_msg_gets(&frame, name);
  return value == nullptr ? std::string() : std::string(value);
}

/// The ids that libzmq itself gives: a zero and a counter that begins at random, so that nobody can guess another's.
/// A peer that chooses its own could choose one that somebody else had.
bool is_automatic(std::string_view id) {
  return id.size() == kAutomaticIdBytes && id.front() == '\0';
}

int send_frame(void* socket, std::string_view bytes, bool more) {
  int sent = -1;
  do {
    sent = ::zmq_send(socket, bytes.data(), bytes.size(), ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
  } while (sent < 0 && errno == EINTR);
  return sent;
}

int milliseconds(std::chrono::milliseconds length) {
  return static_cast<int>(length.count());
}

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    if (zmq_ != nullptr) ::zmq_close(zmq_);
    zmq_ = std::exchange(other.zmq_, nullptr);
  }
  return *this;
}

Socket::~Socket() {
  if (zmq_ != nullptr) ::zmq_close(zmq_);
}

Result<Socket> Socket::open(LinkContext& context, int type) {
  void* zmq = ::zmq_socket(context.parts().zmq, type);
  if (zmq == nullptr) {
    Error error = zmq_error("open a ZeroMQ socket", errno);
    error.kind = ErrorKind::busy;
    return std::unexpected(error);
  }
  return Socket(zmq);
}

Error zmq_error(const std::string& doing, int error_number) {
  ErrorKind kind = errno_error({}, error_number).kind;
  if (error_number == EINVAL || error_number == ENODEV) kind = ErrorKind::invalid;
  if (error_number == EPROTONOSUPPORT || error_number == ENOCOMPATPROTO) kind = ErrorKind::invalid;
  if (error_number == ENAMETOOLONG) kind = ErrorKind::invalid;
  if (error_number == EADDRINUSE) kind = ErrorKind::busy;
  return {kind, fmt::format("{}: {}", doing, ::zmq_strerror(error_number))};
}

void Options::keep(int option, int outcome) {
  if (outcome == 0 || first_) return;
  first_ = zmq_error(fmt::format("set option {} of a ZeroMQ socket", option), errno);
}

void Options::set(int option, int value) {
  keep(option, ::zmq_setsockopt(socket_, option, &value, sizeof value));
}

void Options::set(int option, std::int64_t value) {
  keep(option, ::zmq_setsockopt(socket_, option, &value, sizeof value));
}

void Options::set(int option, std::string_view bytes) {
  keep(option, ::zmq_setsockopt(socket_, option, bytes.data(), bytes.size()));
}

Result<void> Options::result() const {
  if (first_) return std::unexpected(*first_);
  return {};
}

std::string plain_address(std::string_view address) {
  constexpr std::string_view kMapped = "::ffff:";
  if (address.starts_with(kMapped) && address.find('.') != std::string_view::npos)
    address.remove_prefix(kMapped.size());
  return std::string(address);
}

void set_common(Options& options, std::size_t frame_bytes_max, int high_water_mark, bool curve) {
  // ZMQ_HEARTBEAT_IVL stays unset: with a full receive queue libzmq 4.3.4 aborts the process. Heartbeats are messages.
  options.set(ZMQ_LINGER, 0);
  options.set(ZMQ_SNDHWM, high_water_mark);
  options.set(ZMQ_RCVHWM, high_water_mark);
  const std::size_t on_the_wire = frame_bytes_max + (curve ? kCurveFrameOverhead : 0);
  options.set(ZMQ_MAXMSGSIZE, static_cast<std::int64_t>(on_the_wire));
  options.set(ZMQ_IPV6, 1);
  options.set(ZMQ_HANDSHAKE_IVL, milliseconds(60s));
  options.set(ZMQ_TCP_KEEPALIVE, 1);
  options.set(ZMQ_TCP_KEEPALIVE_IDLE, 30);
  options.set(ZMQ_TCP_KEEPALIVE_INTVL, 10);
  options.set(ZMQ_TCP_KEEPALIVE_CNT, 3);
  options.set(ZMQ_TCP_MAXRT, milliseconds(30s));
}

Readiness::Readiness(void* socket) : socket_(socket), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  int news = -1;
  std::size_t size = sizeof news;
  ::zmq_getsockopt(socket, ZMQ_FD, &news, &size);
  for (const int fd : {news, again_.fd()}) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
      throw std::system_error(errno, std::generic_category(), "epoll_ctl");
    }
  }
}

void Readiness::look_again() {
  if (!again_is_set_) again_.signal();
  again_is_set_ = true;
}

void Readiness::nothing_left() {
  if (again_is_set_) again_.clear();
  again_is_set_ = false;
}

void Readiness::look_if_readable() {
  if (again_is_set_) return;
  int events = 0;
  std::size_t size = sizeof events;
  if (::zmq_getsockopt(socket_, ZMQ_EVENTS, &events, &size) != 0 || (events & ZMQ_POLLIN) != 0) look_again();
}

void Reader::take(zmq_msg_t& frame, Received& message) {
  if (rules_.routed && !inside_) {
    message.connection = bytes_of(frame);
    good_ = is_automatic(message.connection);
    return;
  }
  ++frames_;
  good_ = good_ && frames_ <= limits::kFramesMax && ::zmq_msg_size(&frame) <= rules_.frame_bytes_max;
  if (!good_) return;
  std::array<std::string*, limits::kFramesMax> places{&message.header, &message.body, &message.payload};
  *places[frames_ - 1] = bytes_of(frame);
  if (frames_ > 1) return;
  message.user_id = property_of(frame, "User-Id");
  message.peer_address = plain_address(property_of(frame, "Peer-Address"));
}

Reader::Outcome Reader::next(void* socket, Received& message) {
  Frame frame;
  for (int dropped = 0; dropped < kDroppedFramesPerTurn;) {
    if (!frame.receive(socket)) return Outcome::empty;
    if (!inside_) {
      message = {};
      frames_ = 0;
      good_ = true;
    }
    take(frame.message(), message);
    inside_ = ::zmq_msg_more(&frame.message()) != 0;
    if (!good_) {
      ++dropped;
      message = {};
    }
    if (inside_) continue;
    if (good_ && frames_ >= 2) return Outcome::whole;
    ++malformed_;
    ++dropped;
  }
  return Outcome::tired;
}

Sent send_message(void* socket, std::size_t frame_bytes_max, std::string_view connection, const Frames& frames,
                  std::string_view payload) {
  if (std::max({frames.header.size(), frames.body.size(), payload.size()}) > frame_bytes_max) return Sent::too_large;
  const bool routed = !connection.empty();
  const std::string_view first = routed ? connection : std::string_view(frames.header);
  int sent = send_frame(socket, first, true);
  if (sent < 0 && errno == EAGAIN) {
    // libzmq looks at its peers' news only now and then; asking for the events makes it look.
    int events = 0;
    std::size_t size = sizeof events;
    ::zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size);
    sent = send_frame(socket, first, true);
  }
  if (sent < 0) return errno == EAGAIN ? Sent::queue_full : Sent::peer_gone;
  // From here on only the end of the connection can come between, and it takes the whole message with it.
  if (routed && send_frame(socket, frames.header, true) < 0) return Sent::peer_gone;
  if (send_frame(socket, frames.body, !payload.empty()) < 0) return Sent::peer_gone;
  if (!payload.empty() && send_frame(socket, payload, false) < 0) return Sent::peer_gone;
  return Sent::yes;
}

Result<Monitor> Monitor::begin(LinkContext& context, void* watched, int events) {
  const std::string name = fmt::format("inproc://monitor-{}", context.parts().monitors.fetch_add(1));
  Monitor monitor;
  if (::zmq_socket_monitor(watched, name.c_str(), events) != 0) {
    return std::unexpected(zmq_error("watch a ZeroMQ socket", errno));
  }
  monitor.watched_ = watched;
  auto pair = Socket::open(context, ZMQ_PAIR);
  if (!pair) return std::unexpected(pair.error());
  monitor.events_ = std::move(*pair);
  Options(monitor.events_.get()).set(ZMQ_LINGER, 0);
  if (::zmq_connect(monitor.events_.get(), name.c_str()) != 0) {
    return std::unexpected(zmq_error("watch a ZeroMQ socket", errno));
  }
  return monitor;
}

// In this order: libzmq's thread would wait for ever for room in a monitor that nobody reads.
Monitor::~Monitor() {
  if (watched_ != nullptr) ::zmq_socket_monitor(watched_, nullptr, 0);
}

std::optional<Monitor::Event> Monitor::next() {
  Frame frame;
  if (!frame.receive(events_.get())) return std::nullopt;
  Event event;
  const std::string_view bytes = bytes_of(frame.message());
  if (bytes.size() == sizeof event.event + sizeof event.value) {
    std::memcpy(&event.event, bytes.data(), sizeof event.event);
    std::memcpy(&event.value, bytes.data() + sizeof event.event, sizeof event.value);
  }
  while (::zmq_msg_more(&frame.message()) != 0 && frame.receive(events_.get())) {
  }
  return event;
}

}  // namespace serin::posix::link
