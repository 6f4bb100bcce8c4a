#include "agent/pull/pull_socket.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "agent/pull/busy_wait.h"
#include "agent/pull/pull_session.h"
#include "agent/pull/source_dial_socket.h"
#include "agent/pull/source_patience.h"
#include "agent/pull/unpacker_file.h"
#include "protocol/limits.h"
#include "protocol/posix/files.h"
#include "protocol/posix/mailbox.h"
#include "protocol/posix/system_clock.h"
#include "protocol/rate_bound.h"
#include "protocol/text.h"

namespace serin::pull {

namespace {

using namespace std::chrono_literals;
constexpr Duration kLook = 100ms;
/// What a pack may have beside the release's content: for each file its entry and its part of the folders, and
/// something for the folders alone.
constexpr std::uint64_t kPackEntryBytes = 10'000;
constexpr std::uint64_t kPackSmallBytes = 64U << 20;
constexpr Duration kRedialMin = 100ms;
constexpr Duration kRedialMax = 2s;
constexpr int kMessagesPerTurn = 64;  ///< then it looks whether it should stop

/// One pull over one connection.
class Pull {
 public:
  Pull(Dialled source, const Release& release, apply::SlotDir& slots, PackMark mark, PullSession session,
       std::uint64_t bytes_per_s, const std::stop_token& stop)
      : socket_(std::move(source.socket)),
        source_(std::move(source.source)),
        rate_(bytes_per_s),
        pack_bytes_max_(release.bytes + release.files * kPackEntryBytes + kPackSmallBytes),
        slots_(slots),
        session_(std::move(session)),
        unpacker_(session_, slots, release.root, mark, [this] { return check_space(); }, stop) {}
  ~Pull() {
    for (const auto& [id, fd] : files_) slots_.drop_incoming(id);
  }
  Pull(const Pull&) = delete;
  Pull& operator=(const Pull&) = delete;

  Result<void> run(const std::stop_token& stop) {
    while (true) {
      if (auto asked = ask(); !asked) return asked;
      if (session_.done()) return {};
      if (stop.stop_requested()) return failure(ErrorKind::busy, "stopped: a newer order took its place");
      posix::wait_readable({socket_.fd(), socket_.monitor_fd()}, look_in());
      if (auto taken = take(); !taken) return taken;
      if (!session_.waits()) note_rest(posix::boot_time());
      if (auto fair = check_source(); !fair) return fair;
    }
  }

  /// Parts of its pack did not become what they should: it lies, or this host's live tree is damaged.
  [[nodiscard]] std::uint64_t unfit() const { return unpacker_.unfit(); }
  [[nodiscard]] const Source& source() const { return source_; }
  [[nodiscard]] apply::PullResult result() const {
    return {.bytes = bytes_, .objects = objects_ + unpacker_.objects()};
  }
  /// The connection ended or the source fell silent: it may be there again.
  [[nodiscard]] bool is_lost() const { return lost_; }
  /// What went wrong is the host's own, whatever the source does.
  [[nodiscard]] bool is_own_fault() const { return own_fault_; }
  [[nodiscard]] bool brought_something() const { return patience_.brought_something(); }

 private:
  /// Who is asked for nothing is not silent.
  void note_rest(SteadyTime now) {
    if (now < earned_at_) {
      patience_.rests(now);
    } else if (now < busy_.until()) {
      patience_.is_left_alone(now);
    }
  }

  /// Nothing is asked before: the source is busy, or the rate allows no more.
  [[nodiscard]] SteadyTime ask_at() const { return std::max(busy_.until(), earned_at_); }
  /// What was asked to be asked for again is not waited for longer.
  [[nodiscard]] Duration look_in() const {
    const Duration rest = ask_at() - posix::boot_time();
    return rest > Duration{} ? std::min(rest, kLook) : kLook;
  }

  /// It answers, and with something of use.
  Result<void> check_source() {
    const auto trouble = patience_.check(posix::boot_time(), session_.waits(), bytes_, session_.bytes_left());
    if (!trouble) return {};
    const std::string text = source_.text() + " " + trouble->text;
    if (trouble->is_silence) return lost(text);
    return failure(ErrorKind::busy, text);
  }

  std::unexpected<Error> lost(std::string text) {
    lost_ = true;
    return failure(ErrorKind::busy, std::move(text));
  }

  /// For an error that another source would not change.
  Result<void> own(Result<void> result) {
    if (!result) own_fault_ = true;
    return result;
  }

  Result<void> check_space() {
    if (std::exchange(space_checked_, true)) return {};
    return own(slots_.check_space(session_.bytes_missing(), session_.files_missing()));
  }

  Result<void> ask() {
    if (state_ != posix::ClientSocket::State::connected || posix::boot_time() < ask_at()) return {};
    const auto requests = session_.next_requests();
    if (!requests) return own(std::unexpected(requests.error()));
    if (session_.folders_known()) {
      if (auto fits = check_space(); !fits) return fits;
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
      return failure(ErrorKind::busy, source_.text() + " does not know this host's key (any more)");
    }
    if (state_ == posix::ClientSocket::State::lost) {
      return lost(fmt::format("no connection to {}", source_.text()));
    }
    for (int turn = 0; turn < kMessagesPerTurn; ++turn) {
      const auto received = socket_.receive();
      if (!received) return {};
      patience_.heard(posix::boot_time());
      const auto envelope = decode(received->header, received->body);
      if (!envelope) return failure(ErrorKind::corrupt, source_.text() + ": " + envelope.error().text);
      if (const auto* part = std::get_if<ObjectPart>(&envelope->message)) {
        if (auto kept = keep(*part, received->payload); !kept) return kept;
      } else if (const auto* refused = std::get_if<ObjectRefused>(&envelope->message)) {
        if (auto waits = wait_for(*refused); !waits) return waits;
      }
      if (auto asked = ask(); !asked) return asked;
    }
    return {};
  }

  Result<void> wait_for(const ObjectRefused& refused) {
    if (refused.reason != RefusalReason::busy) {
      if (session_.absent(refused.object)) return {};
      return failure(ErrorKind::not_found, fmt::format("{} does not have object {} ({})", source_.text(),
                                                       refused.object.brief(), name_of(refused.reason)));
    }
    if (!session_.pack_over()) {
      // It is being made: the larger it is the longer, so that asking less and less often costs nothing.
      if (busy_.is_too_long_for_a_pack(posix::boot_time())) session_.give_up_pack();
      if (!source_.is_proxy()) patience_.news(posix::boot_time());
    }
    session_.retry(refused.object, refused.offset);
    busy_.busy(posix::boot_time(), refused.retry_ms);
    return {};
  }

  Result<void> keep(const ObjectPart& part, std::string_view payload) {
    if (part.object_bytes > pack_bytes_max_ && session_.is_pack(part.object)) {
      // More than the release could need, however badly it was packed.
      session_.give_up_pack();
      return {};
    }
    const auto actions = session_.on_part(part, payload);
    if (!actions) {
      if (actions.error().kind == ErrorKind::refused) own_fault_ = true;
      return std::unexpected(actions.error());
    }
    bytes_ += payload.size();
    busy_.came(posix::boot_time());
    rate_.passed(payload.size(), posix::boot_time());
    earned_at_ = posix::boot_time() + rate_.wait(posix::boot_time());
    if (!actions->empty()) patience_.news(posix::boot_time());
    for (const Action& action : *actions) {
      if (auto done = std::visit([&](const auto& value) { return act(value); }, action); !done) return done;
    }
    return {};
  }

  Result<void> act(const AppendPack& part) {
    if (auto appended = unpacker_.append(part); !appended) return own(appended);
    // Without proxies there is nobody else to ask for a sound one: the rest comes object by object.
    if (unpacker_.is_no_pack() && source_.is_proxy()) {
      return failure(ErrorKind::corrupt, source_.text() + " sent a pack that is none");
    }
    return {};
  }
  Result<void> act(const StoreTree& tree) {
    ++objects_;
    return own(slots_.put_tree(tree.id, tree.bytes));
  }
  Result<void> act(const AppendFile& append) {
    auto file = files_.find(append.id);
    if (file == files_.end()) {
      auto opened = slots_.begin_incoming(append.id);
      if (!opened) return own(std::unexpected(opened.error()));
      file = files_.emplace(append.id, std::move(*opened)).first;
    }
    return own(posix::write_all(file->second.get(), append.bytes, "an incoming object"));
  }
  Result<void> act(const FinishFile& finish) {
    ++objects_;
    files_.erase(finish.id);
    return own(slots_.finish_incoming(finish.id));
  }

  posix::ClientSocket socket_;
  Source source_;
  RateBound rate_;
  std::uint64_t pack_bytes_max_;
  apply::SlotDir& slots_;
  PullSession session_;
  Unpacker unpacker_;
  posix::ClientSocket::State state_ = posix::ClientSocket::State::dialling;
  std::map<ObjectId, posix::UniqueFd> files_;
  std::uint64_t bytes_ = 0, objects_ = 0;
  SteadyTime began_ = posix::boot_time(), earned_at_{};
  SourcePatience patience_{source_.is_proxy() ? SourcePatience::kOfProxy : SourcePatience::kOfController, began_};
  BusyWait busy_{began_};
  bool space_checked_ = false, lost_ = false, own_fault_ = false;
};

/// Without the source's name before it.
std::string reason_of(const Source& source, const Error& error) {
  const std::string name = source.text() + " ";
  return error.text.starts_with(name) ? error.text.substr(name.size()) : "serves no more: " + error.text;
}

/// What needs no source: nothing lacks, or what lacks came ahead. Errors are the host's own.
Result<bool> complete_here(PullSession session, const Release& release, apply::SlotDir& slots, const PackAhead* ahead,
                           apply::PullResult& result, const std::stop_token& stop) {
  if (const auto asked = session.next_requests(); !asked) return std::unexpected(asked.error());
  if (session.done()) return true;
  if (ahead == nullptr || ahead->from != slots.base() || ahead->to != release.root) return false;
  Unpacker unpacker(
      session, slots, release.root, {},
      [&] { return slots.check_space(session.bytes_missing(), session.files_missing()); }, stop);
  const auto actions = session.on_part(
      {.object = pack_name(ahead->from, ahead->to), .object_bytes = ahead->bytes.size(), .edition = ahead->edition},
      ahead->bytes);
  if (!actions) return false;
  for (const Action& action : *actions) {
    const auto* append = std::get_if<AppendPack>(&action);
    if (append == nullptr) continue;
    if (auto appended = unpacker.append(*append); !appended) return std::unexpected(appended.error());
  }
  result = {.bytes = ahead->bytes.size(), .objects = unpacker.objects()};
  return session.done();
}

/// What an attempt begins with: all that earlier ones brought is on the disk.
using MakeSession = std::function<PullSession(PackMark mark)>;

Result<apply::PullResult> pull_from(posix::LinkContext& context, const posix::CurveKeys& keys, SourceChoice& sources,
                                    const Release& release, apply::SlotDir& slots, const GetObject& probe,
                                    const MakeSession& make_session, std::uint64_t bytes_per_s,
                                    const std::stop_token& stop) {
  apply::PullResult sum;
  SteadyTime last_news = posix::boot_time();
  Duration redial = kRedialMin;
  while (true) {
    auto source = dial_next(context, keys, sources, probe, stop);
    if (!source) return std::unexpected(source.error());
    const PackMark mark = slots.pack_mark(slots.base(), release.root);
    Pull pull(std::move(*source), release, slots, mark, make_session(mark), bytes_per_s, stop);
    const auto pulled = pull.run(stop);
    sum.bytes += pull.result().bytes;
    sum.objects += pull.result().objects;
    const bool is_proxy = pull.source().is_proxy();
    if (is_proxy && pull.unfit() > 0) {
      sources.drop(pull.source(), "sent a pack that does not fit, or what is live here is damaged (serin verify)");
    }
    if (pulled) return sum;
    if (pull.is_own_fault() || stop.stop_requested()) return std::unexpected(pulled.error());
    if (pull.brought_something()) {
      last_news = posix::boot_time();
      redial = kRedialMin;
    }
    if (is_proxy) {
      sources.drop(pull.source(), reason_of(pull.source(), pulled.error()));
      continue;
    }
    if (!pull.is_lost() || posix::boot_time() - last_news > SourcePatience::kOfController.nothing_new) {
      return std::unexpected(pulled.error());
    }
    posix::wait_or_stop(redial, stop);
    redial = std::min(2 * redial, kRedialMax);
  }
}

}  // namespace

Result<apply::PullResult> pull_release(posix::LinkContext& context, const posix::CurveKeys& keys, SourceChoice& sources,
                                       const Release& release, apply::SlotDir& slots, const PullTerms& terms,
                                       const std::stop_token& stop) {
  const MakeSession make = [&](PackMark mark) {
    return PullSession(release.root, slots.base(),
                       {.tree = [&slots](const ObjectId& id) { return slots.tree(id); },
                        .has_file = [&slots](const ObjectId& id) { return slots.has_file(id); }},
                       mark);
  };
  apply::PullResult here;
  const auto complete = complete_here(make({}), release, slots, terms.ahead, here, stop);
  if (!complete) return std::unexpected(complete.error());
  if (*complete) return here;
  const ObjectId name = pack_name(slots.base(), release.root);
  const GetObject probe{.object = name, .length = 1, .pack_from = slots.base(), .pack_to = release.root};
  return pull_from(context, keys, sources, release, slots, probe, make, terms.bytes_per_s, stop);
}

Result<apply::PullResult> pull_objects(posix::LinkContext& context, const posix::CurveKeys& keys, SourceChoice& sources,
                                       const Release& release, const std::set<ObjectId>& files, apply::SlotDir& slots,
                                       const std::stop_token& stop) {
  const MakeSession make = [&](PackMark /*mark*/) {
    PullSession session(
        release.root, {},
        {.tree = [&slots](const ObjectId& id) { return slots.tree(id); },
         .has_file = [&slots, &files](const ObjectId& id) { return !files.contains(id) || slots.has_file(id); }});
    session.give_up_pack();
    return session;
  };
  const GetObject probe{.object = release.root, .length = 1};
  return pull_from(context, keys, sources, release, slots, probe, make, 0, stop);
}

}  // namespace serin::pull
