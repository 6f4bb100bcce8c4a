#include "tests/simulation/simulated_fleet.h"

#include <fmt/format.h>

#include <algorithm>

namespace serin::simulation {

namespace {

using namespace std::chrono_literals;
constexpr Duration kBuildTime{300};
constexpr std::size_t kEventsKept = 200;

std::string key_of(std::size_t host) {
  std::string key(32, 'k');
  key[0] = static_cast<char>(host + 1);
  return key;
}

HostName name_of_host(std::size_t host) {
  return fmt::format("web-{:02}", host + 1);
}

}  // namespace

controller::ApplicationSettings SimulatedFleet::short_times() {
  controller::ApplicationSettings application{.name = kApplication, .source = "/staging"};
  application.canary.members = {"label:canary"};
  application.judge = controller::JudgeKind::fixed;
  application.fixed.wait = 10s;
  application.fixed.baseline_min = 15s;
  application.step_deadline = 60s;
  application.hold_limit = 120s;
  application.trust_after = 30s;
  return application;
}

controller::ControllerSettings SimulatedFleet::settings() const {
  controller::ControllerSettings settings;
  settings.applications[kApplication] = options_.application;
  return settings;
}

agent::AgentSettings SimulatedFleet::agent_settings() const {
  agent::AgentSettings settings;
  settings.controller = "tcp://deploy:4700";
  settings.controller_keys = {std::string(32, 'c')};
  settings.release_keys = {signing_key_.public_key};
  settings.applications[kApplication] = {.name = kApplication, .live = "/srv/shop", .sources = {{"/var/log/shop.log"}}};
  return settings;
}

SimulatedFleet::SimulatedFleet(const Options& options)
    : options_(options),
      signing_key_(*signing_key_from_seed(std::string(32, 's'))),
      now_{SteadyTime{1'000'000'000ms}, WallTime{1'800'000'000'000ms}},
      links_(options.hosts, options.seed),
      controller_(settings(), signing_key_, options.seed,
                  [this](const controller::Effect& effect) { perform(effect); }),
      promises_(controller_, hosts_, [this](std::size_t host) { return is_canary(host); }) {
  std::vector<controller::Record> records;
  for (std::size_t i = 0; i < options_.hosts; ++i) {
    hosts_.emplace_back(name_of_host(i), agent_settings(), key_of(i), options_.seed * 1'000 + i);
    fleet::HostRecord record{.name = name_of_host(i), .public_key = key_of(i)};
    if (is_canary(i)) record.labels = {"canary"};
    records.emplace_back(controller::StoreHost{record});
  }
  controller_.store().commit(records);
  start_controller();
  for (SimulatedHost& host : hosts_) host.boot(now_);
}

// ---- time ----

void SimulatedFleet::step(SteadyTime until) {
  SteadyTime next = std::min(until, links_.next_due(controller_.running()));
  if (controller_.running()) next = std::min(next, controller_.next_due());
  if (build_done_at_) next = std::min(next, *build_done_at_);
  if (collected_at_) next = std::min(next, *collected_at_);
  for (const SimulatedHost& host : hosts_) {
    if (host.running()) next = std::min(next, host.next_due());
  }
  next = std::max(next, now_.steady);
  now_.wall += next - now_.steady;
  now_.steady = next;

  while (controller_.running()) {
    const auto host = links_.next_up(now_.steady);
    if (!host) break;
    if (revoked_.contains(hosts_[*host].name())) {
      perform_agent(*host, hosts_[*host].link_end(agent::LinkEnd::denied, now_));
    } else {
      perform_agent(*host, hosts_[*host].link_up(now_));
    }
  }
  while (const auto letter = links_.next_letter(now_.steady)) deliver(*letter);
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if (!hosts_[i].running() || hosts_[i].next_due() > now_.steady) continue;
    perform_agent(i, hosts_[i].tick(now_));
    if (!hosts_[i].running()) links_.close(i);
  }
  if (build_done_at_ && *build_done_at_ <= now_.steady) {
    build_done_at_.reset();
    const std::string content = fmt::format("tree {}", ++newest_content_);
    controller_.take_build(kApplication, {.root = digest_of(content), .files = 1, .bytes = content.size()}, now_);
  }
  if (collected_at_ && *collected_at_ <= now_.steady) {
    collected_at_.reset();
    controller_.take_collected();
  }
  if (controller_.running()) controller_.go_on(now_);
  if (controller_.running()) {
    controller_.end_turn(now_);
  }
  if (!controller_.running()) crash_controller();
  promises_.look();
}

void SimulatedFleet::run_for(Duration length) {
  for (const SteadyTime end = now_.steady + length; now_.steady < end && breach().empty();) step(end);
}

bool SimulatedFleet::run_until_idle(Duration most) {
  for (const SteadyTime end = now_.steady + most; now_.steady < end && breach().empty();) {
    step(end);
    if (!controller_.running()) return false;
    const auto& state = controller_.state();
    if (state.active.empty() && state.building.empty() && !controller_.storing()) return true;
  }
  return false;
}

bool SimulatedFleet::run_until_all_run(ReleaseNumber release, const std::set<HostName>& but, Duration most) {
  const auto there = [&](const SimulatedHost& host) {
    return but.contains(host.name()) || (host.ready() && host.settled() && host.live() == release);
  };
  for (const SteadyTime end = now_.steady + most; breach().empty();) {
    if (std::all_of(hosts_.begin(), hosts_.end(), there)) return true;
    if (now_.steady >= end) break;
    run_for(1s);
  }
  return false;
}

// ---- who does what ----

void SimulatedFleet::deliver(const SimulatedLinks::Letter& letter) {
  const auto envelope = decode(letter.frames.header, letter.frames.body);
  if (!envelope) {
    promises_.broken("a message of ours could not be read: " + envelope.error().text);
  } else if (!letter.to_controller) {
    if (hosts_[letter.host].running()) perform_agent(letter.host, hosts_[letter.host].receive(*envelope, now_));
  } else if (controller_.running()) {
    controller_.take_message({hosts_[letter.host].name(), std::to_string(letter.connection), "10.0.0.1"}, *envelope,
                             now_);
  }
}

void SimulatedFleet::perform_agent(std::size_t host, const agent::Effects& effects) {
  for (const agent::Effect& effect : effects) {
    if (std::holds_alternative<agent::Dial>(effect)) {
      links_.dial(host, now_.steady);
    } else if (std::holds_alternative<agent::CloseLink>(effect)) {
      links_.close(host);
    } else if (const auto* send = std::get_if<agent::SendMessage>(&effect)) {
      links_.put(true, host, send->envelope, now_.steady);
    }
  }
}

void SimulatedFleet::perform(const controller::Effect& effect) {
  if (const auto* send = std::get_if<controller::SendToHost>(&effect)) {
    const std::size_t host = links_.host_of(send->connection);
    if (host >= hosts_.size()) return;
    if (const auto* order = std::get_if<Order>(&send->envelope.message)) {
      promises_.order_goes_out(hosts_[host].name(), *order);
    } else if (const auto* reply = std::get_if<OutcomeReply>(&send->envelope.message)) {
      promises_.acknowledgement_goes_out(hosts_[host].name(), *reply);
    }
    links_.put(false, host, send->envelope, now_.steady);
  } else if (const auto* tell = std::get_if<controller::TellClient>(&effect)) {
    promises_.operator_is_told(tell->event);
    if (tell->event.kind != "progress" && events_.size() < kEventsKept) events_.push_back(tell->event);
  } else if (std::holds_alternative<controller::StartBuild>(effect)) {
    build_done_at_ = now_.steady + kBuildTime;
  } else if (std::holds_alternative<controller::StartCollect>(effect)) {
    collected_at_ = now_.steady + kBuildTime;
  } else if (const auto* admit = std::get_if<controller::AdmitKey>(&effect)) {
    revoked_.erase(admit->host);
  } else if (const auto* refuse = std::get_if<controller::RefuseKey>(&effect)) {
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      if (hosts_[i].public_key() == refuse->public_key) revoked_.insert(hosts_[i].name());
    }
  }
}

// ---- what happens to it ----

void SimulatedFleet::request(const OperatorRequest& request) {
  if (controller_.running()) controller_.take_request(request, now_);
}

void SimulatedFleet::deploy(bool force, const std::vector<std::string>& arguments) {
  request({.verb = "deploy", .arguments = arguments, .message = "story", .force = force, .yes = true});
}

ReleaseNumber SimulatedFleet::next_release() const {
  if (!controller_.running()) return 0;
  const auto& releases = controller_.state().releases;
  const auto found = releases.find(kApplication);
  return found == releases.end() || found->second.empty() ? 1 : found->second.rbegin()->first + 1;
}

void SimulatedFleet::start_controller() {
  controller_.start(now_);
}

void SimulatedFleet::crash_controller() {
  controller_.crash();
  build_done_at_.reset();
  collected_at_.reset();
  for (std::size_t i = 0; i < hosts_.size(); ++i) cut_link(i);
}

void SimulatedFleet::crash_host(std::size_t host) {
  hosts_[host].crash();
  links_.close(host);
}

void SimulatedFleet::cut_link(std::size_t host) {
  if (!links_.up(host)) return;
  links_.close(host);
  if (hosts_[host].running()) perform_agent(host, hosts_[host].link_end(agent::LinkEnd::lost, now_));
}

const rollout::Rollout* SimulatedFleet::running() const {
  if (!controller_.running()) return nullptr;
  const auto active = controller_.state().active.find(kApplication);
  return active == controller_.state().active.end() ? nullptr : &active->second.rollout;
}

}  // namespace serin::simulation
