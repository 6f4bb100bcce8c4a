#include "protocol/posix/content_socket.h"

#include <algorithm>
#include <atomic>
#include <list>
#include <thread>

#include "protocol/limits.h"
#include "protocol/posix/files.h"
#include "protocol/posix/mailbox.h"
#include "protocol/posix/system_clock.h"
#include "protocol/rate_bound.h"
#include "protocol/request_queue.h"

namespace serin::posix {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kOpenFilesMax = 64;
/// Messages that wait for one slow reader: at most 16 MiB of parts.
constexpr int kAnswersWaitingMax = 64;
constexpr int kRequestsPerTurn = 256;
constexpr int kAnswersPerTurn = 64;
/// Until full connections are tried again: each try reads a part for nothing, so that peers that never read are asked
/// less and less often.
constexpr std::chrono::milliseconds kFullAgainMin = 2ms;
constexpr std::chrono::milliseconds kFullAgainMax = 64ms;
constexpr auto kIdle = 1'000ms;
constexpr std::uint32_t kBusyRetryMs = 5;
/// Under a bound no more waits than is sent in so long: a puller that hears nothing takes its source for dead.
constexpr std::uint64_t kWaits_s = 3;

/// Who removes a file to make room has the room when nobody has read it for so long.
constexpr auto kOpenUnread = 2s;

/// The objects that were read last, open.
class OpenObjects {
 public:
  explicit OpenObjects(OpenContent open) : opener_(std::move(open)) {}

  /// Valid until the next call.
  Result<const OpenedContent*> find(const GetObject& get) {
    const auto now = std::chrono::steady_clock::now();
    for (auto entry = open_.begin(); entry != open_.end(); ++entry) {
      if (entry->id != get.object) continue;
      entry->read_at = now;
      open_.splice(open_.begin(), open_, entry);
      return &open_.front().content;
    }
    auto opened = opener_(get);
    if (!opened) return std::unexpected(opened.error());
    open_.emplace_front(Open{.id = get.object, .read_at = now, .content = std::move(*opened)});
    if (open_.size() > kOpenFilesMax) open_.pop_back();
    return &open_.front().content;
  }
  void close_unread() {
    const auto since = std::chrono::steady_clock::now() - kOpenUnread;
    while (!open_.empty() && open_.back().read_at < since) open_.pop_back();
  }
  /// It could not be read: opened anew next time.
  void forget(const ObjectId& id) {
    open_.remove_if([&](const Open& entry) { return entry.id == id; });
  }

 private:
  struct Open {
    ObjectId id;
    std::chrono::steady_clock::time_point read_at;
    OpenedContent content;
  };
  OpenContent opener_;
  std::list<Open> open_;  ///< what was read last first
};

Frames answer(std::uint64_t request, Message message) {
  return encode({.header = {.protocol = limits::kProtocolNewest, .reply_to = request}, .message = std::move(message)});
}

}  // namespace

OpenContent open_objects(ObjectReader store) {
  return [store = std::move(store)](const GetObject& get) -> Result<OpenedContent> {
    auto opened = store.open(get.object);
    if (!opened) return std::unexpected(opened.error());
    return OpenedContent{.fd = std::move(opened->fd), .bytes = opened->bytes};
  };
}

struct ContentSocket::Parts {
  Parts(ServerSocket with_socket, std::uint64_t bytes_per_s, OpenContent open)
      : socket(std::move(with_socket)),
        objects(std::move(open)),
        buffer(limits::kChunkBytes),
        queue(bytes_per_s == 0 ? RequestQueue::kBytesMax : bytes_per_s * kWaits_s),
        rate(bytes_per_s) {
    endpoint = socket.endpoint();
    thread = std::jthread([this](const std::stop_token& token) { run(token); });
  }
  ~Parts() {
    thread.request_stop();
    stop.signal();
  }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  void run(const std::stop_token& token) {
    while (!token.stop_requested()) {
      const Duration may_send = rate.wait(boot_time());
      const auto timeout = queue.empty() ? kIdle : queue.waits() ? full_again : may_send;
      wait_readable({socket.fd(), stop.fd()}, timeout);
      objects.close_unread();
      take_requests();
      try_full_ones();
      for (int i = 0; i < kAnswersPerTurn && rate.wait(boot_time()) == 0ms; ++i) {
        auto request = queue.next();
        if (!request) break;
        serve(std::move(*request));
      }
    }
  }

  void take_requests() {
    for (int i = 0; i < kRequestsPerTurn; ++i) {
      auto received = socket.receive();
      if (!received) return;
      if (received->user_id.empty()) {  // revoked; it finds out when it dials again
        ++refused;
        continue;
      }
      const auto envelope = decode(received->header, received->body);
      const auto* get = envelope ? std::get_if<GetObject>(&envelope->message) : nullptr;
      if (get == nullptr) {
        // No answer: it would be one to a peer that speaks something else, and each bad message costs it a good one.
        ++refused;
        continue;
      }
      ++requests;
      RequestQueue::Request request{std::move(received->connection), envelope->header.request, *get};
      // Beyond its credit: a peer that does not even take a refusal asks again after its own time.
      if (!queue.push(request)) refuse(request, RefusalReason::busy);
    }
  }

  void try_full_ones() {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_full_try) return;
    queue.let_go();
    next_full_try = now + full_again;
  }

  void serve(RequestQueue::Request request) {
    const auto object = objects.find(request.get);
    if (!object) {
      const bool is_busy = object.error().kind == ErrorKind::busy;
      return answer_no(std::move(request), is_busy ? RefusalReason::busy : RefusalReason::absent);
    }
    const std::uint64_t size = (*object)->bytes;
    if (request.get.offset > size) return answer_no(std::move(request), RefusalReason::invalid);
    const auto length =
        static_cast<std::size_t>(std::min<std::uint64_t>(request.get.length, size - request.get.offset));
    if ((*object)->arrived) {
      const std::uint64_t arrived = (*object)->arrived->load(std::memory_order_acquire);
      if (arrived == OpenedContent::kGone) objects.forget(request.get.object);
      if (arrived == OpenedContent::kGone || arrived < request.get.offset + length) {
        return answer_no(std::move(request), RefusalReason::busy);
      }
    }
    // A file that cannot be read to the size it has is as good as absent: the puller says so, and the operator sees it.
    if (read_at((*object)->fd.get(), request.get.offset, buffer.data(), length) != length) {
      objects.forget(request.get.object);
      return answer_no(std::move(request), RefusalReason::absent);
    }
    bytes += length;  // before the peer can know that it has them
    const auto sent = socket.send(request.connection,
                                  answer(request.id, ObjectPart{.object = request.get.object,
                                                                .offset = request.get.offset,
                                                                .object_bytes = size,
                                                                .edition = (*object)->edition}),
                                  {buffer.data(), length});
    if (sent == Sent::yes) {
      rate.passed(length, boot_time());
    } else {
      bytes -= length;
    }
    note_sent(std::move(request), sent);
  }

  /// A request within the credit is answered, however many are refused together: who asked waits for it.
  void answer_no(RequestQueue::Request request, RefusalReason reason) {
    const Sent sent = refuse(request, reason);
    note_sent(std::move(request), sent);
  }

  void note_sent(RequestQueue::Request request, Sent sent) {
    if (sent == Sent::peer_gone) queue.forget(request.connection);
    if (sent == Sent::queue_full) {
      if (request.again) full_again = std::min(2 * full_again, kFullAgainMax);
      return queue.put_back(std::move(request));
    }
    if (sent == Sent::yes && request.again) full_again = kFullAgainMin;
  }

  Sent refuse(const RequestQueue::Request& request, RefusalReason reason) {
    ++refused;
    return socket.send(request.connection, answer(request.id, ObjectRefused{.object = request.get.object,
                                                                            .offset = request.get.offset,
                                                                            .reason = reason,
                                                                            .retry_ms = kBusyRetryMs}));
  }

  ServerSocket socket;
  OpenObjects objects;
  std::vector<char> buffer;
  RequestQueue queue;
  RateBound rate;
  std::chrono::milliseconds full_again = kFullAgainMin;
  std::chrono::steady_clock::time_point next_full_try{};
  std::string endpoint;
  WakeUp stop;
  std::atomic<std::uint64_t> requests{0}, bytes{0}, refused{0};
  std::jthread thread;  ///< the last member: it uses the others
};

ContentSocket::ContentSocket(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
ContentSocket::ContentSocket(ContentSocket&&) noexcept = default;
ContentSocket& ContentSocket::operator=(ContentSocket&&) noexcept = default;
ContentSocket::~ContentSocket() = default;

Result<ContentSocket> ContentSocket::start(LinkContext& context, const Options& options, OpenContent open) {
  auto socket = ServerSocket::bind(context, {.endpoint = options.endpoint,
                                             .curve = options.keys,
                                             .frame_bytes_max = limits::kContentFrameBytesMax,
                                             .high_water_mark = kAnswersWaitingMax});
  if (!socket) return std::unexpected(socket.error());
  return ContentSocket(std::make_unique<Parts>(std::move(*socket), options.bytes_per_s, std::move(open)));
}

std::string ContentSocket::endpoint() const {
  return parts_->endpoint;
}

ContentSocket::Counters ContentSocket::counters() const {
  return {.requests = parts_->requests, .bytes = parts_->bytes, .refused = parts_->refused};
}

}  // namespace serin::posix
