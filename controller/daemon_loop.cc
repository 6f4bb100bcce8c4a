#include "controller/daemon_loop.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>

#include "controller/commit_queue.h"
#include "controller/controller_core.h"
#include "controller/evidence/evidence_worker_http.h"
#include "controller/history_worker_db.h"
#include "controller/operate/announce_process.h"
#include "controller/operate/answers.h"
#include "controller/operate/operator_socket.h"
#include "controller/operate/render.h"
#include "controller/publish/pack_shelf_file.h"
#include "controller/publish/small_packs_file.h"
#include "controller/release/build_worker_dir.h"
#include "controller/store_worker_db.h"
#include "protocol/limits.h"
#include "protocol/posix/content_socket.h"
#include "protocol/posix/files.h"
#include "protocol/posix/key_file.h"
#include "protocol/posix/link_socket.h"
#include "protocol/posix/service_notify.h"
#include "protocol/posix/signal_fd.h"
#include "protocol/posix/system_clock.h"
#include "protocol/text.h"

namespace serin::controller {

namespace {

using namespace std::chrono_literals;
constexpr auto kTick = 500ms;
/// Messages taken from one socket before the others have their turn.
constexpr int kMessagesPerTurn = 256;

std::string tcp_endpoint(const std::string& address, std::uint16_t port) {
  return fmt::format("tcp://{}:{}", address, port);
}

std::uint64_t random_session() {
  std::uint64_t value = 0;
  for (const char byte : posix::random_bytes(7)) value = value << 8U | static_cast<unsigned char>(byte);
  return value + 1;
}

/// The controller's clock, kept over restarts.
Result<posix::ClockAnchor> open_clock(StateDb& database) {
  const auto stored = database.clock_anchor();
  if (!stored) return stored;
  const auto newest = database.newest_time();
  if (!newest) return std::unexpected(newest.error());
  posix::ClockAnchor anchor = posix::anchor_clock(*stored, *newest);
  if (anchor.boot_id != stored->boot_id || anchor.offset != stored->offset) {
    if (auto kept = database.store_clock_anchor(anchor); !kept) return std::unexpected(kept.error());
  }
  return anchor;
}

}  // namespace

struct DaemonLoop::Parts {
  Parts(const ControllerSettings& with, posix::LockFile state_lock, posix::ClockAnchor clock_anchor, StateDb reading,
        StateDb writing, release::ReleaseDir releases, ControllerCore with_core)
      : settings(with),
        lock(std::move(state_lock)),
        anchor(std::move(clock_anchor)),
        history(std::move(reading)),
        store(std::move(writing)),
        builds(std::move(releases)),
        core(std::move(with_core)) {}

  ControllerSettings settings;
  posix::LockFile lock;
  posix::ClockAnchor anchor;
  posix::SignalFd signals{SIGTERM, SIGINT};
  HistoryWorker history;
  StoreWorker store;
  release::BuildWorker builds;
  evidence::EvidenceWorker evidence;
  ControllerCore core;

  posix::LinkContext context{1};
  posix::LinkContext bulk_context{1};
  posix::Gatekeeper gate{context};
  posix::Gatekeeper bulk_gate{bulk_context};
  std::optional<posix::ServerSocket> orders;
  std::optional<publish::PackShelf> packs;
  publish::SmallPacks small_packs;
  std::optional<posix::ContentSocket> content;
  std::optional<operate::OperatorSocket> operators;

  CommitQueue queue;
  std::vector<Client> unanswered;  ///< their commands wait in the queue
  SteadyTime next_tick{};
  std::uint64_t malformed = 0;
  std::string told_status;  ///< to systemd
  bool stop = false;

  [[nodiscard]] Now now() const { return {posix::anchored_time(anchor), posix::wall_time()}; }

  void gather(Turn turn) {
    for (const Effect& effect : queue.add(std::move(turn))) perform(effect);
  }

  /// All rows of this turn of the loop in one transaction.
  void commit_gathered() {
    if (auto job = queue.next_job()) store.post(job->id, std::move(job->records));
  }

  /// Whose command came before the trouble was known: it is in the queue, and carried out once it is stored.
  void tell_unanswered(const std::string& trouble) {
    for (const Client& client : unanswered) {
      carry_out(TellClient{client, operate::line_event(fmt::format("this command cannot be stored yet and waits; it is "
                                                                   "carried out as soon as it is: {}",
                                                                   trouble))});
    }
    unanswered.clear();
  }

  void take_store_news() {
    while (const auto news = store.take()) {
      if (!news->trouble.empty()) {
        if (core.state().read_only.empty()) spdlog::error("read only: {}", news->trouble);
        core.set_read_only(news->trouble);
        tell_unanswered(news->trouble);
        continue;
      }
      if (!core.state().read_only.empty()) spdlog::info("the database stores again");
      core.set_read_only({});
      unanswered.clear();
      for (const Effect& effect : queue.committed(news->job)) perform(effect);
    }
  }

  void perform(const Effect& effect) {
    std::visit([this](const auto& value) { carry_out(value); }, effect);
  }
  void carry_out(const SendToHost& send) {
    if (send.pack) {
      if (const PackAhead* pack = small_packs.find(*packs, send.pack->first, send.pack->second)) {
        const Header& order = send.envelope.header;
        orders->send(send.connection,
                     encode({.header = {.protocol = order.protocol, .session = order.session}, .message = *pack}));
      }
    }
    if (orders->send(send.connection, encode(send.envelope)) == posix::Sent::queue_full) {
      spdlog::warn("a host reads too slowly: a message to it was dropped");
    }
  }
  void carry_out(const TellClient& tell) {
    if (!operators->tell(tell.client.connection, tell.client.request, tell.event)) {
      core.on_client_gone(tell.client.connection);
    }
  }
  void carry_out(const StartBuild& build) { builds.post(build.request); }
  void carry_out(const StartCollect& collect) { builds.post(collect.request); }
  void carry_out(const AdmitKey& admit) {
    gate.allow(admit.public_key, admit.host);
    bulk_gate.allow(admit.public_key, admit.host);
    spdlog::info("key {} may connect as {}", to_hex(admit.public_key).substr(0, 16), admit.host);
  }
  void carry_out(const RefuseKey& refuse) {
    gate.revoke(refuse.public_key);
    bulk_gate.revoke(refuse.public_key);
  }
  void carry_out(const ReadHistory& read) { history.post({read, now()}); }
  void carry_out(const ReadDeployment& read) { history.post({read, now()}); }
  void carry_out(const ReadTune& read) { history.post({read, now()}); }
  void carry_out(const AskSource& ask) { evidence.post(ask); }
  void carry_out(const LogWarning& warning) { spdlog::warn("{}", warning.text); }
  void carry_out(const Announce& news) {
    spdlog::info("{}: {}", news.application, news.text);
    if (settings.announce.empty()) return;
    if (const auto run = operate::announce(settings.announce, news.kind, news.application, news.text); !run) {
      spdlog::warn("{}", run.error().text);
    }
  }

  void take_host_messages() {
    for (int i = 0; i < kMessagesPerTurn; ++i) {
      const auto received = orders->receive();
      if (!received) return;
      const auto envelope = decode(received->header, received->body);
      if (!envelope) {
        if (malformed++ % 1'000 == 0) {
          spdlog::warn("{} sent a bad message: {}", printable(received->user_id), envelope.error().text);
        }
        orders->send(received->connection, encode({.header = {.protocol = limits::kProtocolNewest},
                                                   .message = Problem{envelope.error().text}}));
        continue;
      }
      gather(core.on_host_message({received->user_id, received->connection, received->peer_address}, *envelope, now()));
    }
  }

  void take_requests() {
    while (const auto asked = operators->receive()) {
      std::vector<operate::PendingKey> pending;
      for (const auto& key : gate.pending()) {
        pending.push_back({key.public_key, key.address, key.tries, key.last_wall_ms});
      }
      const Client client{asked->connection, asked->request};
      Turn turn = core.on_request(client, asked->caller, asked->body, pending, now());
      if (!turn.records.empty()) unanswered.push_back(client);
      gather(std::move(turn));
    }
  }

  void take_history() {
    while (auto answer = history.take()) carry_out(TellClient{answer->client, std::move(answer->event)});
  }

  void take_evidence() {
    while (const auto answered = evidence.take()) gather(core.on_evidence(answered->client, answered->answer, now()));
  }

  void take_builds() {
    while (const auto built = builds.take()) {
      prepare_pack(*built);
      gather(core.on_built(built->application, built->result, now()));
    }
    while (const auto collected = builds.take_collected()) {
      if (!*collected) {
        spdlog::warn("nothing more was collected: {}", collected->error().text);
      } else if ((*collected)->objects > 0) {
        spdlog::info("collected {} objects ({})", (*collected)->objects, bytes_text((*collected)->bytes));
      }
      gather(core.on_collected(*collected));
    }
  }

  /// The pack that most hosts will ask for, while the deployment is being stored.
  void prepare_pack(const release::BuildWorker::Built& built) {
    const auto pending = core.state().building.find(built.application);
    if (!built.result || pending == core.state().building.end() || pending->second.request.dry_run) return;
    const KnownRelease* wanted = wanted_release(core.state(), built.application);
    packs->know(built.result->root);
    packs->prepare(wanted == nullptr ? ObjectId{} : wanted->release.root, built.result->root);
  }

  /// What runs must be able to store its steps to the end: new deploys are refused before the disk is full.
  void look_at_disk() {
    const auto free = posix::free_space(settings.state_dir);
    const bool low = free && free->bytes < limits::kControllerReserveBytes;
    if (low) packs->clear();
    if (low == !core.state().low_space.empty()) return;
    core.set_low_space(low ? fmt::format("only {} of disk space are left at {}: free some, {} at least",
                                         bytes_text(free->bytes), settings.state_dir,
                                         bytes_text(limits::kControllerReserveBytes))
                           : std::string{});
    if (low) {
      spdlog::error("deploys are refused: {}", core.state().low_space);
    } else {
      spdlog::info("there is disk space again");
    }
  }

  void tick() {
    const Now at = now();
    if (at.steady < next_tick) return;
    next_tick = at.steady + kTick;
    look_at_disk();
    core.set_content_bytes_sent(content->counters().bytes);
    gather(core.on_tick(at));
    posix::notify_watchdog();
    if (std::string status = status_text(); status != told_status) {
      told_status = std::move(status);
      posix::notify_status(told_status);
    }
  }

  /// For `systemctl status`.
  [[nodiscard]] std::string status_text() const {
    const ControllerState& state = core.state();
    const auto& hosts = state.roster.hosts();
    const auto connected = std::count_if(hosts.begin(), hosts.end(), [](const auto& host) {
      return host.second.presence == fleet::Presence::connected;
    });
    std::string text =
        fmt::format("{} of {} hosts connected, {} deployments running", connected, hosts.size(), state.active.size());
    if (!state.read_only.empty()) text += "; READ ONLY: " + state.read_only;
    return text;
  }

  Result<void> bind(const posix::CurveKeys& keys);
};

Result<void> DaemonLoop::Parts::bind(const posix::CurveKeys& keys) {
  auto operator_socket = operate::OperatorSocket::bind(context, settings.run_dir, settings.operators_group);
  if (!operator_socket) return std::unexpected(operator_socket.error());
  operators.emplace(std::move(*operator_socket));

  const posix::ObjectReader objects{settings.state_dir};
  auto pack_shelf = publish::PackShelf::start(std::filesystem::path(settings.state_dir) / "packs", objects,
                                              settings.pack_cache_bytes);
  if (!pack_shelf) return std::unexpected(pack_shelf.error());
  packs.emplace(std::move(*pack_shelf));
  for (const auto& [application, releases] : core.state().releases) {
    for (const auto& [number, release] : releases) packs->know(release.release.root);
  }
  auto content_socket =
      posix::ContentSocket::start(bulk_context,
                                  {.endpoint = tcp_endpoint(settings.listen, settings.content_port),
                                   .keys = keys,
                                   .bytes_per_s = settings.content_rate},
                                  [shelf = &*packs, open_object = posix::open_objects(objects)](const GetObject& get) {
                                    return get.is_pack() ? shelf->open(get.pack_from, get.pack_to) : open_object(get);
                                  });
  if (!content_socket) return std::unexpected(content_socket.error());
  content.emplace(std::move(*content_socket));

  auto orders_socket =
      posix::ServerSocket::bind(context, {.endpoint = tcp_endpoint(settings.listen, settings.orders_port),
                                          .curve = keys,
                                          .frame_bytes_max = limits::kControlFrameBytesMax,
                                          .high_water_mark = limits::kHighWaterMark});
  if (!orders_socket) return std::unexpected(orders_socket.error());
  orders.emplace(std::move(*orders_socket));
  return {};
}

DaemonLoop::DaemonLoop(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
DaemonLoop::DaemonLoop(DaemonLoop&&) noexcept = default;
DaemonLoop& DaemonLoop::operator=(DaemonLoop&&) noexcept = default;
DaemonLoop::~DaemonLoop() = default;

Result<DaemonLoop> DaemonLoop::open(const ControllerSettings& settings) {
  const std::filesystem::path state_dir = settings.state_dir;
  if (auto made = posix::make_folders(state_dir, 0700); !made) return std::unexpected(made.error());
  if (auto made = posix::make_folders(settings.run_dir, 0750); !made) return std::unexpected(made.error());
  auto lock = posix::LockFile::acquire(state_dir / "lock");
  if (!lock) {
    return failure(lock.error(),
                   fmt::format("another serin-controller uses {}: stop it first, or give this one its own "
                               "state_dir",
                               settings.state_dir));
  }
  auto curve = posix::load_or_make_curve_keys(state_dir / "keys" / "controller");
  if (!curve) return std::unexpected(curve.error());
  auto signing = posix::load_or_make_signing_key(state_dir / "keys" / "release");
  if (!signing) return std::unexpected(signing.error());
  auto writer = StateDb::open(state_dir / "serin.db");
  if (!writer) return std::unexpected(writer.error());
  auto anchor = open_clock(*writer);
  if (!anchor) return std::unexpected(anchor.error());
  auto stored = writer->load();
  if (!stored) return std::unexpected(stored.error());
  auto reader = writer->another();
  if (!reader) return std::unexpected(reader.error());
  auto releases = release::ReleaseDir::open(state_dir);
  if (!releases) return std::unexpected(releases.error());

  ControllerCore core(settings, std::move(*signing), std::move(*stored), to_hex(posix::random_bytes(8)),
                      random_session());
  auto parts = std::make_unique<Parts>(settings, std::move(*lock), std::move(*anchor), std::move(*reader),
                                       std::move(*writer), std::move(*releases), std::move(core));
  if (auto bound = parts->bind(*curve); !bound) return std::unexpected(bound.error());
  return DaemonLoop(std::move(parts));
}

void DaemonLoop::run() {
  Parts& parts = *parts_;
  parts.gather(parts.core.start(parts.now()));
  posix::notify_ready(parts.status_text());
  spdlog::info("serin-controller {} listens: orders {}, content {}, operators {}", SERIN_VERSION,
               parts.orders->endpoint(), parts.content->endpoint(), parts.operators->path().string());
  while (!parts.stop) {
    parts.commit_gathered();
    const auto timeout = std::max(Duration{1}, std::min<Duration>(kTick, parts.next_tick - parts.now().steady));
    posix::wait_readable({parts.signals.fd(), parts.orders->fd(), parts.operators->fd(), parts.store.fd(),
                          parts.builds.fd(), parts.builds.collected_fd(), parts.history.fd(), parts.evidence.fd()},
                         timeout);
    while (parts.signals.take()) parts.stop = true;
    parts.take_store_news();
    parts.take_host_messages();
    parts.take_requests();
    parts.take_builds();
    parts.take_history();
    parts.take_evidence();
    parts.tick();
  }
  parts.commit_gathered();
  posix::notify_stopping();
  spdlog::info("stopping: hosts go on with what they run, deployments go on at the next start");
}

Result<std::string> public_keys_text(const std::filesystem::path& state_dir) {
  const auto curve = posix::load_or_make_curve_keys(state_dir / "keys" / "controller");
  if (!curve) return std::unexpected(curve.error());
  const auto signing = posix::load_or_make_signing_key(state_dir / "keys" / "release");
  if (!signing) return std::unexpected(signing.error());
  return fmt::format("controller_keys = [\"{}\"]\nrelease_keys = [\"{}\"]\n", to_hex(curve->public_key),
                     to_hex(signing->public_key));
}

}  // namespace serin::controller
