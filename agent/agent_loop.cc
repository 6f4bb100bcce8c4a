#include "agent/agent_loop.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <set>
#include <utility>

#include "agent/agent_core.h"
#include "agent/apply/step_worker_process.h"
#include "agent/count/counted_logs_file.h"
#include "agent/proxy/proxy_socket.h"
#include "agent/pull/content_pulls_socket.h"
#include "agent/verify/look_worker_process.h"
#include "agent/verify/verify_desk.h"
#include "protocol/posix/files.h"
#include "protocol/posix/key_file.h"
#include "protocol/posix/link_socket.h"
#include "protocol/posix/service_notify.h"
#include "protocol/posix/signal_fd.h"
#include "protocol/posix/system_clock.h"
#include "protocol/text.h"

namespace serin::agent {

namespace {

using namespace std::chrono_literals;
constexpr auto kTick = 250ms;
constexpr auto kReadFor = 100ms;  ///< of all applications together, but each has a turn

Now read_clocks() {
  return {posix::boot_time(), posix::wall_time()};
}

/// Tells two machines with one key apart, without telling the machine-id itself.
std::string machine_hash() {
  const auto id = posix::read_file("/etc/machine-id", 4'096);
  return digest_of("serin-machine" + (id ? *id : std::string{"none"})).hex();
}

std::vector<ApplicationName> names_of(const AgentSettings& settings) {
  std::vector<ApplicationName> names;
  names.reserve(settings.applications.size());
  for (const auto& [name, application] : settings.applications) names.push_back(name);
  return names;
}

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  const std::string bytes = posix::random_bytes(sizeof seed);
  std::memcpy(&seed, bytes.data(), sizeof seed);
  return seed;
}

}  // namespace

struct AgentLoop::Parts {
  Parts(const AgentSettings& with, posix::LockFile state_lock, posix::CurveKeys with_keys)
      : settings(with),
        lock(std::move(state_lock)),
        keys(std::move(with_keys)),
        own_proxy(proxy::start_if_wanted(settings, keys)),
        logs(settings, {.folder = settings.state_dir,
                        .boot_id = posix::boot_id(),
                        .new_run = to_hex(posix::random_bytes(8)),
                        .now = read_clocks()}),
        core(settings,
             {.public_key = keys.public_key,
              .instance = to_hex(posix::random_bytes(8)),
              .boot_id = posix::boot_id(),
              .machine = machine_hash()},
             random_seed(), read_clocks(), logs.resumed()),
        desk({.verify_bytes_per_s = settings.verify_bytes_per_s,
              .scrub_bytes_per_s = settings.scrub_bytes_per_s,
              .scrub_every = settings.scrub_every},
             names_of(settings), random_seed(), read_clocks()) {
    if (own_proxy) pulls.served_by_itself(own_proxy->own());
    for (const auto& [name, application] : settings.applications) {
      workers.try_emplace(name, apply::StepWorker::Options{
                                    .settings = application, .state_dir = settings.state_dir, .now = read_clocks});
    }
  }

  AgentSettings settings;
  posix::LockFile lock;
  posix::CurveKeys keys;
  posix::SignalFd signals{SIGTERM, SIGINT};  ///< before any thread is: each inherits what is blocked
  posix::LinkContext context{1};
  std::optional<proxy::Proxy> own_proxy;
  pull::ContentPulls pulls{context, keys, settings.prefetch_rate, random_seed()};
  std::optional<posix::ClientSocket> link;
  bool link_told = false;  ///< the core knows that it is up
  count::CountedLogs logs;
  AgentCore core;
  drift::VerifyDesk desk;
  drift::LookWorker looks;
  std::map<ApplicationName, apply::StepWorker> workers;
  std::map<ApplicationName, std::string> troubles;
  std::set<ApplicationName> looked_at;  ///< their workers have said what is live, or why they cannot
  std::optional<Dial> waiting_dial;     ///< until that is so of all
  std::string told_status;              ///< to systemd
  std::string save_trouble;             ///< the last one that was logged
  bool stop = false;
  SteadyTime last_tick{}, next_tick{};
  std::vector<int> resting_on;  ///< readable when something is logged again

  void perform(const Effects& effects) {
    for (const Effect& effect : effects) std::visit([this](const auto& value) { carry_out(value); }, effect);
  }
  void carry_out(const Dial& dial) {
    link_told = false;
    // The hello says what is live: without that the controller would order again what is there already.
    if (looked_at.size() < workers.size()) {
      waiting_dial = dial;
      return;
    }
    auto dialled = posix::ClientSocket::dial(context, {.endpoint = settings.controller,
                                                       .curve = keys,
                                                       .server_key = settings.controller_keys[dial.key],
                                                       .frame_bytes_max = limits::kControlFrameBytesMax,
                                                       .high_water_mark = limits::kHighWaterMark});
    if (!dialled) {
      spdlog::warn("cannot dial {}: {}", settings.controller, dialled.error().text);
      perform(core.on_link_end(LinkEnd::lost, read_clocks()));
      return;
    }
    link.emplace(std::move(*dialled));
  }
  void carry_out(const CloseLink&) {
    waiting_dial.reset();
    link.reset();
  }
  void carry_out(const SendMessage& message) {
    // A message that finds no room is made again: reports are absolute, outcomes are resent, heartbeats follow.
    if (link) link->send(encode(message.envelope));
  }
  /// Where the controller serves content in this session.
  void follow_controller() {
    if (!core.ready()) return;
    pulls.controller_at(settings.controller, core.content_port(), settings.controller_keys[core.key_in_use()]);
    if (own_proxy) own_proxy->fetch_from(pulls.controller());
  }
  void carry_out(const KeepPack& keep) { pulls.keep(keep.pack); }
  void carry_out(const UseSources& use) { pulls.told(use.proxies); }
  void carry_out(const AdmitFleet& admit) {
    follow_controller();  // neighbours may ask before this host has an order
    if (own_proxy) own_proxy->admit(admit.keys);
  }
  void carry_out(const RunOrder& run) {
    perform_deeds(desk.on_order(run.order.application));
    follow_controller();
    spdlog::info("{}: order {}.{}: {} r{}", run.order.application, run.order.id.deployment, run.order.id.sequence,
                 name_of(run.order.action), run.release.number);
    workers.at(run.order.application).run(run.order, run.release, pulls.for_order(run.order, run.release.root));
  }
  void carry_out(const StopStaging& stop_it) { workers.at(stop_it.application).stop_staging(); }
  void carry_out(const AcknowledgeOutcome& done) { workers.at(done.application).acknowledge(done.order); }
  void carry_out(const SaveCounts& save) {
    // Without a record counts are still right, unless this process is killed: so reports go on.
    const auto saved = logs.save(save.checkpoint);
    const std::string trouble = saved ? std::string() : saved.error().text;
    if (!trouble.empty() && trouble != save_trouble) spdlog::error("cannot record what was counted: {}", trouble);
    save_trouble = trouble;
  }
  void carry_out(const LogLine& line) {
    spdlog::log(line.warning ? spdlog::level::warn : spdlog::level::info, "{}", line.text);
  }

  void carry_out(const TakeVerify& take) {
    spdlog::info("{}: verify{} of r{}", take.request.application, take.request.repair ? " and repair" : "",
                 take.release.number);
    perform_deeds(desk.take(take.request, take.release, lives(), read_clocks()));
  }

  [[nodiscard]] drift::VerifyDesk::Lives lives() const {
    drift::VerifyDesk::Lives all;
    for (const auto& [name, application] : settings.applications) {
      const ApplicationStatus& status = core.status_of(name);
      all[name] = {.release = status.live_release, .root = status.live_root, .at_work = core.at_work(name)};
    }
    return all;
  }
  void perform_deeds(const drift::Deeds& deeds) {
    for (const drift::Deed& deed : deeds) std::visit([this](const auto& value) { do_deed(value); }, deed);
  }
  void do_deed(const drift::StartLook& start) {
    const Release live{.number = start.release, .root = start.root};
    std::vector<std::string> kept;
    for (const KeptPath& each : settings.applications.at(start.application).keep) kept.push_back(each.path);
    looks.post({.number = start.number,
                .application = start.application,
                .slots_dir = settings.applications.at(start.application).slots_dir,
                .slot = live.slot_name(),
                .root = start.root,
                .kept = std::move(kept),
                .after = start.after,
                .bytes_per_s = start.bytes_per_s});
  }
  void do_deed(const drift::StopLook&) { looks.stop(); }
  void do_deed(const drift::StartMend& mend) {
    follow_controller();
    workers.at(mend.application).mend({.release = mend.release, .drifts = mend.drifts, .pull = pulls.for_mending()});
  }
  void do_deed(const drift::SendReport& send) { perform(core.on_verify_report(send.report)); }
  void do_deed(const drift::NoteDrift& note) {
    if (note.drift > 0) {
      spdlog::warn("{}: {} paths of the live tree differ from its release, {} among them: serin verify --repair",
                   note.application, note.drift, printable(note.path));
    }
    perform(core.on_drift(note.application, note.drift, note.path, desk.verified_at(note.application), read_clocks()));
  }
  void take_looks() {
    while (auto news = looks.take()) {
      if (news->ended && !news->trouble.empty()) spdlog::info("a look at a live tree ended: {}", news->trouble);
      perform_deeds(desk.on_looked({.number = news->number,
                                    .ended = news->ended,
                                    .trouble = std::move(news->trouble),
                                    .drifts = std::move(news->look.drifts),
                                    .files = news->look.files,
                                    .bytes = news->look.bytes,
                                    .last = std::move(news->look.last),
                                    .unread_folders = news->look.unread_folders},
                                   lives(), read_clocks()));
    }
  }

  void look_at_link() {
    if (!link) return;
    switch (link->state()) {
      case posix::ClientSocket::State::dialling:
        return;
      case posix::ClientSocket::State::connected:
        break;
      case posix::ClientSocket::State::denied:
        perform(core.on_link_end(LinkEnd::denied, read_clocks()));
        return;
      case posix::ClientSocket::State::lost:
        perform(core.on_link_end(LinkEnd::lost, read_clocks()));
        return;
    }
    if (!link_told) {
      link_told = true;
      perform(core.on_link_up(read_clocks()));
    }
    while (link) {
      const auto received = link->receive();
      if (!received) return;
      const auto envelope = decode(received->header, received->body);
      if (envelope) {
        perform(core.on_message(*envelope, read_clocks()));
      } else {
        const auto header = decode_header(received->header);
        perform(core.on_bad_message(header ? *header : Header{}, envelope.error()));
      }
    }
  }

  void take_news() {
    for (auto& [name, worker] : workers) {
      while (auto news = worker.take()) {
        if (!news->trouble.empty() && troubles[name] != news->trouble) spdlog::error("{}: {}", name, news->trouble);
        if (!news->trouble.empty()) troubles[name] = news->trouble;
        if (news->outcome) {
          spdlog::info("{}: order {}.{}: {}{}", name, news->outcome->order.deployment, news->outcome->order.sequence,
                       name_of(news->outcome->result),
                       news->outcome->step.empty()
                           ? ""
                           : fmt::format(": {}: {}", news->outcome->step, printable(news->outcome->output)));
          // Without a step that ended the outcome is an earlier one's, and the worker may be pulling.
          if (news->step_ended) news->outcome->source_trouble = pulls.take_trouble(name);
          if (!news->outcome->source_trouble.empty()) spdlog::warn("{}: {}", name, news->outcome->source_trouble);
          perform(core.on_outcome(*news->outcome, read_clocks()));
        }
        if (news->status) perform(core.on_status(*news->status, read_clocks()));
        if (news->step_ended) perform(core.on_step_ended(name));
        if (news->mended) {
          perform_deeds(desk.on_mended(name, news->mended->drifts, news->mended->mended, news->mended->trouble, lives(),
                                       read_clocks()));
        }
        looked_at.insert(name);
      }
    }
    if (waiting_dial && looked_at.size() == workers.size()) carry_out(*std::exchange(waiting_dial, std::nullopt));
  }

  /// Reads what the applications logged.
  void count() {
    const auto enough = read_clocks().steady + kReadFor;
    for (const auto& [name, application] : settings.applications) {
      // Not endlessly: orders and heartbeats wait meanwhile, and what is left is read at the next tick.
      while (logs.read(name, read_clocks().steady, core.counter(name)) && read_clocks().steady < enough) continue;
      const auto blind = logs.blind(name);
      if (core.set_blind(name, blind)) spdlog::warn("{}: {}", name, blind.empty() ? "sees all" : "BLIND: " + blind);
    }
  }

  /// For `systemctl status`.
  [[nodiscard]] std::string status_text() const {
    if (!core.ready()) return "dialling " + settings.controller;
    return fmt::format("connected to {} as {}", settings.controller, core.host());
  }
  void tell_systemd() {
    posix::notify_watchdog();
    if (std::string status = status_text(); status != told_status) {
      told_status = std::move(status);
      posix::notify_status(told_status);
    }
  }

  /// Until something has come, or it is time.
  void wait() {
    auto all = descriptors();
    const auto before_logs = static_cast<std::ptrdiff_t>(all.size());
    all.insert(all.end(), resting_on.begin(), resting_on.end());
    const auto timeout = std::clamp<Duration>(next_tick - posix::boot_time(), 1ms, 1s);
    const auto readable = posix::wait_readable(all, timeout);
    if (std::find(readable.begin() + before_logs, readable.end(), true) == readable.end()) return;
    resting_on.clear();
    next_tick = std::min(next_tick, last_tick + kTick);
  }
  /// Four times a second while something is logged; else with the seconds, or when something is.
  void plan_tick() {
    last_tick = posix::boot_time();
    const auto rest = logs.rest_on();
    resting_on = rest.value_or(std::vector<int>{});
    const SteadyTime next_second = start_of(second_of(last_tick) + 1);
    next_tick = rest ? std::min(next_second, std::max(core.next_due(), last_tick + kTick)) : last_tick + kTick;
  }

  [[nodiscard]] std::vector<int> descriptors() const {
    std::vector<int> all{signals.fd()};
    if (link) all.insert(all.end(), {link->fd(), link->monitor_fd()});
    for (const auto& [name, worker] : workers) all.push_back(worker.fd());
    all.push_back(looks.fd());
    return all;
  }
};

AgentLoop::AgentLoop(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
AgentLoop::AgentLoop(AgentLoop&&) noexcept = default;
AgentLoop& AgentLoop::operator=(AgentLoop&&) noexcept = default;
AgentLoop::~AgentLoop() = default;

Result<AgentLoop> AgentLoop::open(const AgentSettings& settings) {
  const std::filesystem::path state_dir = settings.state_dir;
  if (auto made = posix::make_folders(state_dir, 0700); !made) return std::unexpected(made.error());
  auto lock = posix::LockFile::acquire(state_dir / "lock");
  if (!lock) {
    return failure(lock.error(),
                   fmt::format("another serin-agent uses {}: stop it first, or give this one its own state_dir",
                               settings.state_dir));
  }
  auto keys = posix::load_or_make_curve_keys(state_dir / "keys" / "agent");
  if (!keys) return std::unexpected(keys.error());
  return AgentLoop(std::make_unique<Parts>(settings, std::move(*lock), std::move(*keys)));
}

void AgentLoop::run() {
  Parts& parts = *parts_;
  spdlog::info("serin-agent {} with key {}: {} applications, controller {}", SERIN_VERSION,
               to_hex(parts.keys.public_key), parts.settings.applications.size(), parts.settings.controller);
  if (!parts.logs.warning().empty()) spdlog::warn("{}", parts.logs.warning());
  posix::notify_ready(parts.status_text());
  while (!parts.stop) {
    parts.wait();
    while (parts.signals.take()) parts.stop = true;
    parts.look_at_link();
    parts.take_news();
    parts.take_looks();
    if (posix::boot_time() < parts.next_tick) continue;
    // Seconds exist before lines are added to them.
    parts.perform(parts.core.on_tick(read_clocks()));
    parts.count();
    parts.perform_deeds(parts.desk.on_tick(parts.lives(), read_clocks()));
    parts.tell_systemd();
    parts.plan_tick();
  }
  posix::notify_stopping();
  parts.perform(parts.core.on_stop(read_clocks()));
  spdlog::info("stopping: what is live stays live");
}

}  // namespace serin::agent
