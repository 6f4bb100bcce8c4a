#pragma once

#include <zmq.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "protocol/posix/link_socket.h"
#include "protocol/posix/mailbox.h"
#include "protocol/posix/unique_fd.h"

/// What the link's own files share; nobody else includes this but its tests. Everything here belongs to the thread of
/// its socket, but LinkContext::Parts.
namespace serin::posix {

struct LinkContext::Parts {
  void* zmq = nullptr;
  std::atomic<std::uint64_t> monitors{0};     ///< makes the monitors' names unique
  Guarded<std::set<std::string>> probe_keys;  ///< our own strangers: refused like any, but not listed as pending
  /// Who may connect and be heard: names by key in hexadecimal. The Gatekeeper's; server sockets look each message up.
  Guarded<std::map<std::string, std::string>> admitted;
};

namespace link {

/// Owns a ZeroMQ socket.
class Socket {
 public:
  Socket() = default;
  explicit Socket(void* zmq) : zmq_(zmq) {}
  Socket(Socket&& other) noexcept : zmq_(std::exchange(other.zmq_, nullptr)) {}
  Socket& operator=(Socket&& other) noexcept;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket();
  /// `busy` when the context has no sockets left.
  static Result<Socket> open(LinkContext& context, int type);
  [[nodiscard]] void* get() const { return zmq_; }

 private:
  void* zmq_ = nullptr;
};

/// errno after a call of libzmq, which has numbers of its own.
Error zmq_error(const std::string& doing, int error_number);

/// Sets options one after the other and remembers the first that libzmq refused.
class Options {
 public:
  explicit Options(void* socket) : socket_(socket) {}
  void set(int option, int value);
  void set(int option, std::int64_t value);
  void set(int option, std::string_view bytes);
  [[nodiscard]] Result<void> result() const;

 private:
  void keep(int option, int outcome);
  void* socket_;
  std::optional<Error> first_;
};

/// What servers and clients have in common. `frame_bytes_max` counts bytes before they are encrypted.
void set_common(Options& options, std::size_t frame_bytes_max, int high_water_mark, bool curve);

/// ZMQ_FD tells of changes, and any call on the socket may swallow one: this is readable until nothing_left().
class Readiness {
 public:
  explicit Readiness(void* socket);
  [[nodiscard]] int fd() const { return epoll_.get(); }
  void look_again();
  void nothing_left();
  /// After a send, which may have swallowed the news of a message.
  void look_if_readable();

 private:
  void* socket_;
  UniqueFd epoll_;
  WakeUp again_;
  bool again_is_set_ = false;
};

/// Reads messages of two or three frames; keeps no frame of any other.
class Reader {
 public:
  struct Rules {
    bool routed = false;  ///< a ROUTER's: the first frame is the connection
    std::size_t frame_bytes_max = 0;
  };
  enum class Outcome {
    whole,
    empty,
    tired,  ///< so many frames were dropped that the caller should look after other things; call again
  };
  explicit Reader(Rules rules) : rules_(rules) {}
  Outcome next(void* socket, Received& message);
  [[nodiscard]] std::uint64_t malformed() const { return malformed_; }

 private:
  void take(zmq_msg_t& frame, Received& message);
  Rules rules_;
  std::size_t frames_ = 0;  ///< of the message that is being read, without the connection's
  bool inside_ = false;     ///< a message has begun and not ended
  bool good_ = false;
  std::uint64_t malformed_ = 0;
};

/// Sends all frames or none. `connection` is empty on a DEALER. `queue_full` on a DEALER may mean: no connection.
Sent send_message(void* socket, std::size_t frame_bytes_max, std::string_view connection, const Frames& frames,
                  std::string_view payload);

/// The events of one socket. Begun before connect, ended before the socket is closed.
class Monitor {
 public:
  Monitor() = default;
  static Result<Monitor> begin(LinkContext& context, void* watched, int events);
  Monitor(Monitor&& other) noexcept
      : watched_(std::exchange(other.watched_, nullptr)), events_(std::move(other.events_)) {}
  Monitor& operator=(Monitor&&) = delete;
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;
  ~Monitor();
  struct Event {
    std::uint16_t event = 0;
    std::uint32_t value = 0;
  };
  std::optional<Event> next();
  [[nodiscard]] void* socket() const { return events_.get(); }

 private:
  void* watched_ = nullptr;
  Socket events_;
};

inline constexpr std::string_view kZapDomain = "serin";

/// Without the "::ffff:" that a socket for both families puts before an IPv4 address.
std::string plain_address(std::string_view address);

}  // namespace link
}  // namespace serin::posix
