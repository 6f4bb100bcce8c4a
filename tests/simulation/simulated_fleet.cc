#include "tests/simulation/simulated_fleet.h"

#include <fmt/format.h>

#include <algorithm>

namespace serin::simulation {

namespace {

constexpr Duration kStep{250};
constexpr Duration kTravel{5};

std::string key_of(std::size_t host) {
  std::string key(32, 'k');
  key[0] = static_cast<char>(host + 1);
  return key;
}

}  // namespace

SimulatedFleet::SimulatedFleet(const Options& options) : options_(options), random_(options.seed) {
  now_.steady = SteadyTime{Duration{1'000'000}};
  now_.wall = WallTime{Duration{1'800'000'000'000}};
  controller::ApplicationSettings application{.name = kApplication, .source = "/staging"};
  application.canary.members = {"label:canary"};
  application.fixed.wait = options.wait;
  application.fixed.baseline_min = options.baseline_min;
  application.step_deadline = Duration{60'000};
  application.hold_limit = Duration{120'000};
  settings_.applications[kApplication] = application;
  settings_.heartbeat = Duration{2'000};
  settings_.lease = Duration{10'000};
  signing_key_ = *signing_key_from_seed(std::string(32, 's'));

  agent::AgentSettings agent;
  agent.controller = "tcp://deploy:4700";
  agent.controller_keys = {std::string(32, 'c')};
  agent.release_keys = {signing_key_.public_key};
  agent.applications[kApplication] = {.name = kApplication, .live = "/srv/shop", .sources = {{"/var/log/shop.log"}}};

  std::vector<controller::Record> records;
  for (std::size_t i = 0; i < options.hosts; ++i) {
    const HostName name = fmt::format("web-{:02}", i);
    hosts_.emplace_back(name, agent, key_of(i), options.seed * 1'000 + i);
    fleet::HostRecord record{.name = name, .public_key = key_of(i)};
    if (is_canary(i)) record.labels = {"canary"};
    records.emplace_back(controller::StoreHost{record});
  }
  links_.resize(options.hosts);
  store_.commit(records);
  start_controller();
  for (SimulatedHost& host : hosts_) host.start(now_);
}

void SimulatedFleet::start_controller() {
  controller_.emplace(settings_, signing_key_, store_.state(), fmt::format("controller-{}", random_()),
                      random_() % 1'000'000'000 + 1, now_);
  take(controller_->start(now_));
}

void SimulatedFleet::crash_controller() {
  controller_.reset();
  crash_after_commit_ = false;
  std::erase_if(in_flight_, [](const InFlight&) { return true; });
  for (std::size_t i = 0; i < hosts_.size(); ++i) cut_link(i);
}

void SimulatedFleet::cut_link(std::size_t host) {
  const bool was_up = links_[host].up;
  links_[host] = {};
  if (was_up && hosts_[host].running()) perform_agent(host, hosts_[host].link_end(now_));
}

void SimulatedFleet::put(bool to_controller, std::size_t host, const Envelope& envelope) {
  if (!links_[host].up) return;
  if (std::uniform_real_distribution<double>(0, 1)(random_) < options_.loses) return;
  in_flight_.push_back({now_.steady + kTravel, encode(envelope), to_controller, host, links_[host].connection});
}

void SimulatedFleet::perform_agent(std::size_t host, agent::Effects effects) {
  for (const agent::Effect& effect : effects) {
    if (std::holds_alternative<agent::Dial>(effect)) {
      links_[host] = {
          .dialled = true, .up = false, .connection = ++newest_connection_, .up_at = now_.steady + Duration{50}};
    } else if (std::holds_alternative<agent::CloseLink>(effect)) {
      links_[host] = {};
    } else if (const auto* send = std::get_if<agent::SendMessage>(&effect)) {
      put(true, host, send->envelope);
    }
  }
}

std::size_t SimulatedFleet::index_of(const std::string& connection) const {
  for (std::size_t i = 0; i < links_.size(); ++i) {
    if (links_[i].up && std::to_string(links_[i].connection) == connection) return i;
  }
  return links_.size();
}

void SimulatedFleet::perform(const controller::Effect& effect) {
  if (const auto* send = std::get_if<controller::SendToHost>(&effect)) {
    if (const std::size_t host = index_of(send->connection); host < hosts_.size()) put(false, host, send->envelope);
  } else if (const auto* tell = std::get_if<controller::TellClient>(&effect)) {
    if (tell->event.kind != "progress") events_.push_back(tell->event);
  } else if (const auto* build = std::get_if<controller::StartBuild>(&effect)) {
    release::BuildResult built{.root = digest_of(content_), .files = 1, .bytes = content_.size()};
    take(controller_->on_built(build->request.application, built, now_));
  }
}

void SimulatedFleet::take(controller::Turn turn) {
  store_.commit(turn.records);
  if (crash_after_commit_ && !turn.records.empty()) {
    crash_controller();
    return;
  }
  for (const controller::Effect& effect : turn.effects) {
    if (!controller_) return;
    perform(effect);
  }
}

void SimulatedFleet::deploy(const std::string& content, bool force) {
  content_ = content;
  request({.verb = "deploy", .message = content, .force = force, .yes = true});
}

void SimulatedFleet::request(OperatorRequest request) {
  if (!controller_) return;
  take(controller_->on_request({"cli", ++newest_request_}, {.uid = 1'000, .name = "alice"}, request, {}, now_));
}

void SimulatedFleet::deliver(const InFlight& message) {
  if (!links_[message.host].up || links_[message.host].connection != message.connection) return;
  const auto envelope = decode(message.frames.header, message.frames.body);
  if (!envelope) {
    breach_ = "a message of ours could not be read: " + envelope.error().text;
    return;
  }
  if (!message.to_controller) {
    if (hosts_[message.host].running()) perform_agent(message.host, hosts_[message.host].receive(*envelope, now_));
  } else if (controller_) {
    take(controller_->on_host_message({hosts_[message.host].name(), std::to_string(message.connection), "10.0.0.1"},
                                      *envelope, now_));
  }
}

void SimulatedFleet::step() {
  now_.steady += kStep;
  now_.wall += kStep;
  for (std::size_t i = 0; i < links_.size(); ++i) {
    Link& link = links_[i];
    if (!link.dialled || link.up || now_.steady < link.up_at || !controller_ || !hosts_[i].running()) continue;
    link.up = true;
    perform_agent(i, hosts_[i].link_up(now_));
  }
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if (hosts_[i].running()) perform_agent(i, hosts_[i].tick(now_));
  }
  while (!in_flight_.empty() && in_flight_.front().arrives <= now_.steady) {
    const InFlight message = std::move(in_flight_.front());
    in_flight_.pop_front();
    deliver(message);
  }
  if (controller_) take(controller_->on_tick(now_));
  check();
}

void SimulatedFleet::check() {
  if (!breach_.empty()) return;
  const auto rollout = running();
  if (!rollout) return;
  if (const auto broken = rollout::broken_invariant(*rollout)) {
    breach_ = *broken;
    return;
  }
  const bool cleared = rollout->force || rollout->first_release || rollout->forced_on ||
                       (rollout->verdict && rollout->verdict->answer == judge::Answer::pass);
  if (cleared) return;
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if (!is_canary(i) && hosts_[i].live() == rollout->release) {
      breach_ = fmt::format("{} is no canary and runs r{} before the verdict", hosts_[i].name(), rollout->release);
    }
  }
}

void SimulatedFleet::run_for(Duration length) {
  for (const SteadyTime end = now_.steady + length; now_.steady < end && breach_.empty();) step();
}

bool SimulatedFleet::run_until_idle(Duration most) {
  for (const SteadyTime end = now_.steady + most; now_.steady < end && breach_.empty();) {
    step();
    if (controller_ && controller_->state().active.empty() && controller_->state().building.empty()) return true;
  }
  return false;
}

std::optional<rollout::Rollout> SimulatedFleet::running() const {
  if (!controller_) return std::nullopt;
  const auto active = controller_->state().active.find(kApplication);
  if (active == controller_->state().active.end()) return std::nullopt;
  return active->second.rollout;
}

const rollout::Rollout* SimulatedFleet::latest() const {
  const auto latest = store_.state().latest.find(kApplication);
  return latest == store_.state().latest.end() ? nullptr : &latest->second;
}

}  // namespace serin::simulation
