#include "agent/proxy/content_fetcher_socket.h"

#include <spdlog/spdlog.h>

#include <optional>
#include <thread>
#include <utility>

#include "protocol/limits.h"
#include "protocol/posix/mailbox.h"
#include "protocol/posix/system_clock.h"
#include "protocol/text.h"
#include "protocol/wire.h"

namespace serin::proxy {

namespace {

using namespace std::chrono_literals;
/// Without an answer for so long what has not begun to come fails: hosts ask elsewhere then. What has begun is worth
/// more patience: the controller may be starting again.
constexpr Duration kSilenceMax = 3s;
constexpr Duration kOutageMax = 20s;
constexpr Duration kRedial = 200ms;
constexpr Duration kIdleMax = 30s;
constexpr auto kLook = 10ms;  ///< while something is wanted: what was refused as busy is asked for again
constexpr auto kRest = 1'000ms;

}  // namespace

struct ContentFetcher::Parts {
  Parts(posix::LinkContext& with_context, posix::CurveKeys with_keys, ContentShelf& with_shelf,
        std::uint64_t bytes_per_s)
      : context(with_context),
        keys(std::move(with_keys)),
        shelf(with_shelf),
        plan(bytes_per_s),
        thread([this](const std::stop_token& stop) { run(stop); }) {}
  ~Parts() {
    thread.request_stop();
    wake.signal();
  }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::vector<int> fds{wake.fd(), shelf.wanted().fd()};
      if (socket) fds.insert(fds.end(), {socket->fd(), socket->monitor_fd()});
      posix::wait_readable(fds, plan.empty() ? kRest : kLook);
      wake.clear();
      take_wanted(stop);
      if (plan.empty()) {
        if (socket && posix::boot_time() - last_heard > kIdleMax) socket.reset();
        continue;
      }
      receive();  // first: what took long here is not the controller's silence
      keep_link();
      ask();
    }
  }

  void take_wanted(const std::stop_token& stop) {
    while (const auto what = shelf.wanted().take()) {
      if (shelf.is_here(what->object, stop)) continue;
      // Who waited for nothing begins to wait.
      if (plan.empty()) last_heard = posix::boot_time();
      plan.want(*what);
    }
  }

  void keep_link() {
    const SteadyTime now = posix::boot_time();
    if (!plan.waits() && state == posix::ClientSocket::State::connected) last_heard = now;  // it was asked for nothing
    const Duration silence = now - last_heard;
    if (silence > kSilenceMax) {
      if (now - dropped_at > kSilenceMax) drop_link();
      const auto failed = silence > kOutageMax ? plan.give_up() : plan.give_up_new();
      if (!failed.empty()) spdlog::warn("proxy: the controller's content cannot be had for {} s", silence / 1s);
      carry_out(failed);
      if (plan.empty()) return;
    }
    const auto source = upstream.with([](const pull::Source& at) { return at; });
    if (socket && source != dialled) drop_link();
    if (!socket && !source.endpoint.empty() && now >= redial_at) {
      redial_at = now + kRedial;
      auto made = posix::ClientSocket::dial(context, {.endpoint = source.endpoint,
                                                      .curve = keys,
                                                      .server_key = source.server_key,
                                                      .frame_bytes_max = limits::kContentFrameBytesMax,
                                                      .high_water_mark = limits::kHighWaterMark});
      if (made) socket.emplace(std::move(*made));
      dialled = source;
    }
    if (!socket) return;
    state = socket->state();
    if (state == posix::ClientSocket::State::denied || state == posix::ClientSocket::State::lost) drop_link();
  }

  void drop_link() {
    dropped_at = posix::boot_time();
    socket.reset();
    state = posix::ClientSocket::State::dialling;
    plan.ask_again();
  }

  void receive() {
    while (socket) {
      const auto received = socket->receive();
      if (!received) return;
      last_heard = posix::boot_time();
      const auto envelope = decode(received->header, received->body);
      if (!envelope) return drop_link();
      if (const auto* part = std::get_if<ObjectPart>(&envelope->message)) {
        const auto actions = plan.on_part(*part, received->payload);
        if (!actions) return drop_link();
        carry_out(*actions);
      } else if (const auto* refused = std::get_if<ObjectRefused>(&envelope->message)) {
        carry_out(plan.on_refused(*refused, posix::boot_time()));
      }
    }
  }

  void ask() {
    if (!socket || state != posix::ClientSocket::State::connected) return;
    for (const GetObject& request : plan.next_requests(posix::boot_time())) {
      const auto sent = socket->send(encode({.header = {.protocol = limits::kProtocolNewest}, .message = request}));
      if (sent != posix::Sent::yes) plan.retry(request);
    }
  }

  void carry_out(const std::vector<FetchAction>& actions) {
    for (const FetchAction& action : actions) {
      const auto taken = std::visit([this](const auto& each) { return shelf.take(each); }, action);
      if (!taken) {
        spdlog::warn("proxy: {}", taken.error().text);
        plan.drop(name_of(action));
        return;  // the others are of the same one
      }
      if (const auto* begin = std::get_if<BeginContent>(&action)) {
        spdlog::info("proxy: fetches {} {} ({})", begin->what.is_pack() ? "pack" : "object", begin->what.object.brief(),
                     bytes_text(begin->bytes));
      }
    }
  }

  posix::LinkContext& context;
  posix::CurveKeys keys;
  ContentShelf& shelf;
  posix::Guarded<pull::Source> upstream;
  posix::WakeUp wake;
  // The thread's own.
  FetchPlan plan;
  std::optional<posix::ClientSocket> socket;
  pull::Source dialled;
  posix::ClientSocket::State state = posix::ClientSocket::State::dialling;
  SteadyTime last_heard{}, redial_at{}, dropped_at{};
  std::jthread thread;  ///< the last member: it uses the others
};

ContentFetcher::ContentFetcher(posix::LinkContext& context, posix::CurveKeys keys, ContentShelf& shelf,
                               std::uint64_t bytes_per_s)
    : parts_(std::make_unique<Parts>(context, std::move(keys), shelf, bytes_per_s)) {}
ContentFetcher::~ContentFetcher() = default;

void ContentFetcher::fetch_from(const pull::Source& controller) {
  parts_->upstream.with([&](pull::Source& at) { at = controller; });
  parts_->wake.signal();
}

}  // namespace serin::proxy
