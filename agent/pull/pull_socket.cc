#include "agent/pull/pull_socket.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "agent/pull/pull_session.h"
#include "protocol/limits.h"
#include "protocol/posix/files.h"
#include "protocol/posix/system_clock.h"

namespace serin::pull {

namespace {

using namespace std::chrono_literals;
constexpr Duration kSilenceMax = 10s;
constexpr Duration kNothingNewMax = 60s;  ///< it answers, but nothing of use
constexpr Duration kLook = 100ms;
constexpr Duration kRetryMax = 2s;
constexpr int kMessagesPerTurn = 64;  ///< then it looks whether it should stop

/// One pull over one connection.
class Pull {
 public:
  Pull(posix::ClientSocket socket, const Source& source, PullSession session, apply::SlotDir& slots)
      : socket_(std::move(socket)), source_(source), slots_(slots), session_(std::move(session)) {}
  ~Pull() {
    for (const auto& [id, fd] : files_) slots_.drop_incoming(id);
  }
  Pull(const Pull&) = delete;
  Pull& operator=(const Pull&) = delete;

  Result<apply::PullResult> run(const std::stop_token& stop) {
    last_heard_ = last_progress_ = posix::boot_time();
    while (true) {
      if (auto asked = ask(); !asked) return std::unexpected(asked.error());
      if (session_.done()) return result_;
      if (stop.stop_requested()) return failure(ErrorKind::busy, "stopped: a newer order took its place");
      posix::wait_readable({socket_.fd(), socket_.monitor_fd()}, kLook);
      if (auto taken = take(); !taken) return std::unexpected(taken.error());
      if (posix::boot_time() - last_heard_ > kSilenceMax) {
        return failure(ErrorKind::busy, fmt::format("{} did not answer for {} s", source_.endpoint, kSilenceMax / 1s));
      }
      if (posix::boot_time() - last_progress_ > kNothingNewMax) {
        return failure(ErrorKind::busy,
                       fmt::format("{} sent nothing new for {} s", source_.endpoint, kNothingNewMax / 1s));
      }
    }
  }

 private:
  Result<void> ask() {
    if (state_ != posix::ClientSocket::State::connected || posix::boot_time() < retry_at_) return {};
    const auto requests = session_.next_requests();
    if (!requests) return std::unexpected(requests.error());
    if (!space_checked_ && session_.folders_known()) {
      space_checked_ = true;
      if (auto fits = slots_.check_space(session_.bytes_missing(), session_.files_missing()); !fits) return fits;
    }
    for (const GetObject& request : *requests) {
      const auto sent = socket_.send(encode({.header = {.protocol = limits::kProtocolNewest}, .message = request}));
      // Credit keeps the queue short; when it is full all the same, the part is asked for again.
      if (sent != posix::Sent::yes) session_.retry(request.object, request.offset);
    }
    return {};
  }

  Result<void> take() {
    state_ = socket_.state();
    if (state_ == posix::ClientSocket::State::denied) {
      return failure(ErrorKind::busy, source_.endpoint + " does not know this host's key (any more)");
    }
    if (state_ == posix::ClientSocket::State::lost) {
      return failure(ErrorKind::busy, fmt::format("no connection to {}", source_.endpoint));
    }
    for (int turn = 0; turn < kMessagesPerTurn; ++turn) {
      const auto received = socket_.receive();
      if (!received) return {};
      last_heard_ = posix::boot_time();
      const auto envelope = decode(received->header, received->body);
      if (!envelope) return failure(ErrorKind::corrupt, source_.endpoint + ": " + envelope.error().text);
      if (const auto* part = std::get_if<ObjectPart>(&envelope->message)) {
        if (auto kept = keep(*part, received->payload); !kept) return kept;
      } else if (const auto* refused = std::get_if<ObjectRefused>(&envelope->message)) {
        if (refused->reason != RefusalReason::busy) {
          return failure(ErrorKind::not_found, fmt::format("{} does not have object {} ({})", source_.endpoint,
                                                           refused->object.brief(), name_of(refused->reason)));
        }
        session_.retry(refused->object, refused->offset);
        retry_at_ = posix::boot_time() + std::min<Duration>(Duration{refused->retry_ms}, kRetryMax);
      }
      if (auto asked = ask(); !asked) return asked;
    }
    return {};
  }

  Result<void> keep(const ObjectPart& part, std::string_view payload) {
    const auto actions = session_.on_part(part, payload);
    if (!actions) return std::unexpected(actions.error());
    result_.bytes += payload.size();
    if (!actions->empty()) last_progress_ = posix::boot_time();
    for (const Action& action : *actions) {
      if (auto done = std::visit([&](const auto& value) { return act(value); }, action); !done) return done;
    }
    return {};
  }

  Result<void> act(const StoreTree& tree) {
    ++result_.objects;
    return slots_.put_tree(tree.id, tree.bytes);
  }
  Result<void> act(const AppendFile& append) {
    auto file = files_.find(append.id);
    if (file == files_.end()) {
      auto opened = slots_.begin_incoming(append.id);
      if (!opened) return std::unexpected(opened.error());
      file = files_.emplace(append.id, std::move(*opened)).first;
    }
    return posix::write_all(file->second.get(), append.bytes, "an incoming object");
  }
  Result<void> act(const FinishFile& finish) {
    ++result_.objects;
    files_.erase(finish.id);
    return slots_.finish_incoming(finish.id);
  }

  posix::ClientSocket socket_;
  const Source& source_;
  apply::SlotDir& slots_;
  PullSession session_;
  posix::ClientSocket::State state_ = posix::ClientSocket::State::dialling;
  std::map<ObjectId, posix::UniqueFd> files_;
  apply::PullResult result_;
  SteadyTime last_heard_{}, last_progress_{}, retry_at_{};
  bool space_checked_ = false;
};

Result<apply::PullResult> run(posix::LinkContext& context, const posix::CurveKeys& keys, const Source& source,
                              PullSession session, apply::SlotDir& slots, const std::stop_token& stop) {
  auto socket = posix::ClientSocket::dial(context, {.endpoint = source.endpoint,
                                                    .curve = keys,
                                                    .server_key = source.server_key,
                                                    .frame_bytes_max = limits::kContentFrameBytesMax,
                                                    .high_water_mark = limits::kHighWaterMark});
  if (!socket) return std::unexpected(socket.error());
  return Pull(std::move(*socket), source, std::move(session), slots).run(stop);
}

}  // namespace

Result<apply::PullResult> pull_release(posix::LinkContext& context, const posix::CurveKeys& keys, const Source& source,
                                       const Release& release, apply::SlotDir& slots, const std::stop_token& stop) {
  PullSession session(release.root, slots.base(),
                      {.tree = [&slots](const ObjectId& id) { return slots.tree(id); },
                       .has_file = [&slots](const ObjectId& id) { return slots.has_file(id); }});
  return run(context, keys, source, std::move(session), slots, stop);
}

Result<apply::PullResult> pull_objects(posix::LinkContext& context, const posix::CurveKeys& keys, const Source& source,
                                       const Release& release, const std::set<ObjectId>& files, apply::SlotDir& slots,
                                       const std::stop_token& stop) {
  PullSession session(
      release.root, {},
      {.tree = [&slots](const ObjectId& id) { return slots.tree(id); },
       .has_file = [&slots, &files](const ObjectId& id) { return !files.contains(id) || slots.has_file(id); }});
  return run(context, keys, source, std::move(session), slots, stop);
}

}  // namespace serin::pull
