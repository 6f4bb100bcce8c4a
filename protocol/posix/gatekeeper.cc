#include <algorithm>
#include <array>
#include <cerrno>
#include <list>
#include <stdexcept>
#include <thread>
#include <unordered_map>

#include "protocol/posix/link_parts.h"
#include "protocol/posix/system_clock.h"

/// ZAP, https://rfc.zeromq.org/spec/27/: libzmq asks for each handshake on an inproc socket of this name.
namespace serin::posix {

namespace {

constexpr std::size_t kPendingMax = 1'000;
constexpr std::size_t kRequestFrames = 7;  // version, request, domain, address, routing id, mechanism, public key

/// Newest first; the oldest is forgotten when there are too many.
class PendingKeys {
 public:
  void refused(const std::string& key, const std::string& address, std::int64_t wall_ms) {
    const auto known = places_.find(key);
    if (known == places_.end()) {
      if (keys_.size() >= kPendingMax) forget(std::string(keys_.back().public_key));
      keys_.emplace_front();
      keys_.front().public_key = key;
      keys_.front().first_wall_ms = wall_ms;
      places_[key] = keys_.begin();
    } else {
      keys_.splice(keys_.begin(), keys_, known->second);
    }
    auto& newest = keys_.front();
    newest.address = address;
    newest.tries += 1;
    newest.last_wall_ms = wall_ms;
  }
  void forget(const std::string& key) {
    const auto known = places_.find(key);
    if (known == places_.end()) return;
    keys_.erase(known->second);
    places_.erase(known);
  }
  [[nodiscard]] std::vector<Gatekeeper::Pending> all() const { return {keys_.begin(), keys_.end()}; }

 private:
  std::list<Gatekeeper::Pending> keys_;
  std::unordered_map<std::string, std::list<Gatekeeper::Pending>::iterator> places_;
};

using Request = std::array<std::string, kRequestFrames>;

/// The next request; nothing when none is there. One with too many frames or too few is given without its key: it is
/// answered like a stranger's, since a REP socket that owes an answer takes no further request.
std::optional<Request> read_request(void* socket) {
  Request request;
  zmq_msg_t frame;
  ::zmq_msg_init(&frame);
  std::size_t count = 0;
  bool more = true;
  while (more && ::zmq_msg_recv(&frame, socket, count == 0 ? ZMQ_DONTWAIT : 0) >= 0) {
    if (count < request.size()) {
      request[count].assign(static_cast<const char*>(::zmq_msg_data(&frame)), ::zmq_msg_size(&frame));
    }
    ++count;
    more = ::zmq_msg_more(&frame) != 0;
  }
  ::zmq_msg_close(&frame);
  if (count == 0) return std::nullopt;
  if (count != request.size()) request.back().clear();
  return request;
}

void answer(void* socket, const Request& request, const std::optional<std::string>& user_id) {
  const std::array<std::string_view, 6> reply{"1.0",
                                              request[1],
                                              user_id ? "200" : "400",
                                              user_id ? "OK" : "unknown key",
                                              user_id ? std::string_view(*user_id) : std::string_view(),
                                              ""};
  for (std::size_t i = 0; i < reply.size(); ++i) {
    ::zmq_send(socket, reply[i].data(), reply[i].size(), i + 1 < reply.size() ? ZMQ_SNDMORE : 0);
  }
}

}  // namespace

struct Gatekeeper::Parts {
  LinkContext& context;
  link::Socket zap;
  Guarded<PendingKeys> pending;
  WakeUp stop;
  std::thread thread;

  explicit Parts(LinkContext& context_of) : context(context_of) {}
  /// The user id of a key that may come in.
  std::optional<std::string> judge(const Request& request);
  void run();
};

std::optional<std::string> Gatekeeper::Parts::judge(const Request& request) {
  const auto& [version, number, domain, address, routing_id, mechanism, key] = request;
  if (version != "1.0" || mechanism != "CURVE" || domain != link::kZapDomain) return std::nullopt;
  if (key.size() != kCurveKeyBytes) return std::nullopt;
  const std::string user_id = to_hex(key);
  const bool ours = context.parts().probe_keys.with([&](const auto& keys) { return keys.contains(key); });
  const std::string peer = link::plain_address(address);
  const std::int64_t now = wall_time().time_since_epoch().count();
  // Looked up inside: who is allowed in this moment is not listed after that.
  return pending.with([&](PendingKeys& keys) -> std::optional<std::string> {
    if (context.parts().admitted.with([&](const auto& names) { return names.contains(user_id); })) return user_id;
    if (!ours) keys.refused(key, peer, now);
    return std::nullopt;
  });
}

void Gatekeeper::Parts::run() {
  std::array<zmq_pollitem_t, 2> items{{{zap.get(), 0, ZMQ_POLLIN, 0}, {nullptr, stop.fd(), ZMQ_POLLIN, 0}}};
  for (;;) {
    if (::zmq_poll(items.data(), static_cast<int>(items.size()), -1) < 0 && errno != EINTR) return;
    if (items[1].revents != 0) return;
    while (const auto request = read_request(zap.get())) answer(zap.get(), *request, judge(*request));
  }
}

Gatekeeper::Gatekeeper(LinkContext& context) : parts_(std::make_unique<Parts>(context)) {
  auto zap = link::Socket::open(context, ZMQ_REP);
  if (!zap) throw std::runtime_error(zap.error().text);
  parts_->zap = std::move(*zap);
  link::Options(parts_->zap.get()).set(ZMQ_LINGER, 0);
  // Bound here and not in the thread: whoever binds a server socket next is judged already.
  if (::zmq_bind(parts_->zap.get(), "inproc://zeromq.zap.01") != 0) {
    throw std::runtime_error(link::zmq_error("a second Gatekeeper in one context", errno).text);
  }
  parts_->thread = std::thread([parts = parts_.get()] { parts->run(); });
}

Gatekeeper::~Gatekeeper() {
  parts_->stop.signal();
  parts_->thread.join();
}

void Gatekeeper::allow(const std::string& public_key, const std::string& name) {
  parts_->context.parts().admitted.with([&](auto& names) { names[to_hex(public_key)] = name; });
  parts_->pending.with([&](PendingKeys& keys) { keys.forget(public_key); });
}

void Gatekeeper::revoke(const std::string& public_key) {
  parts_->context.parts().admitted.with([&](auto& names) { names.erase(to_hex(public_key)); });
}

void Gatekeeper::allow_only(const std::map<std::string, std::string>& name_by_key) {
  std::map<std::string, std::string> by_hex;
  for (const auto& [key, name] : name_by_key) by_hex.emplace(to_hex(key), name);
  parts_->context.parts().admitted.with([&](auto& names) { names = std::move(by_hex); });
  parts_->pending.with([&](PendingKeys& keys) {
    for (const auto& [key, name] : name_by_key) keys.forget(key);
  });
}

std::vector<Gatekeeper::Pending> Gatekeeper::pending() const {
  return parts_->pending.with([](const PendingKeys& keys) { return keys.all(); });
}

}  // namespace serin::posix
