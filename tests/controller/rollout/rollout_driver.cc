#include "rollout_driver.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace serin::rollout::testing {

using namespace std::chrono_literals;

HostName web(std::size_t number) {
  return fmt::format("web-{:02}", number);
}

Rollout make_rollout(const Shape& shape) {
  Rollout rollout{.id = 7, .application = "shop", .release = kNew, .owner = "alice", .message = "faster cart"};
  rollout.force = shape.force;
  rollout.first_release = shape.former == 0;
  rollout.wait = 20s;
  rollout.max_in_flight = {2, 0};
  rollout.failure_limit = {1, 0};
  rollout.step_deadline = 5min;
  rollout.hold_limit = 30min;
  if (shape.force) {
    rollout.stages = {{"fleet", false}};
  } else {
    rollout.stages = {{"canary", true}};
    if (shape.proxies > 0) rollout.stages.push_back({"proxies", false});
    if (shape.hosts > shape.canaries + shape.proxies) rollout.stages.push_back({"fleet", false});
  }
  for (std::size_t i = 0; i < shape.hosts; ++i) {
    std::uint32_t stage = 0;
    if (!shape.force && i >= shape.canaries) ++stage;
    if (!shape.force && shape.proxies > 0 && i >= shape.canaries + shape.proxies) ++stage;
    rollout.hosts.push_back({.host = web(i + 1), .stage = stage, .former = shape.former, .connected = true});
  }
  return rollout;
}

judge::Verdict verdict_of(judge::Answer answer, const std::string& reason, const std::string& text) {
  return {.answer = answer, .judge = "fixed", .reason = reason, .text = text, .seconds = 20};
}
judge::Verdict passing() {
  return verdict_of(judge::Answer::pass, "as-before", "3 canaries log 0.10 errors/s each");
}
judge::Verdict failing() {
  return verdict_of(judge::Answer::fail, "over", "2 of 3 canaries log more errors");
}
judge::Verdict no_report() {
  return verdict_of(judge::Answer::inconclusive, "no-report", "web-01 sent no report for 9 s");
}

std::string effects_text(const std::vector<Effect>& effects) {
  std::string text;
  const auto add = [&](const std::string& word) { text += (text.empty() ? "" : " ") + word; };
  for (const Effect& effect : effects) {
    if (const auto* row = std::get_if<RecordHost>(&effect)) add(fmt::format("H{}", row->index));
    if (std::holds_alternative<RecordDeployment>(effect)) add("D");
    if (std::holds_alternative<StartClock>(effect)) add("clock");
    if (std::holds_alternative<Finish>(effect)) add("end");
    if (const auto* send = std::get_if<SendOrder>(&effect)) {
      const std::string_view verb = send->take_back                         ? "back"
                                    : send->action == OrderAction::stage    ? "stage"
                                    : send->action == OrderAction::prefetch ? "prefetch"
                                    : send->action == OrderAction::discard  ? "discard"
                                                                            : "activate";
      add(fmt::format("{}:{}", verb, send->index));
    }
  }
  return text;
}

Driver::Driver(Rollout start) : rollout(std::move(start)) {
  for (const PlanHost& host : rollout.hosts) {
    FakeAgent agent;
    agent.live = host.former;
    agent.connected = host.step != HostStep::absent;
    agents[host.host] = agent;
  }
}

std::vector<Effect> Driver::feed(const Event& event) {
  const Rollout before = rollout;
  Step step = advance(std::move(rollout), event, now);
  rollout = std::move(step.next);
  EXPECT_EQ(broken_invariant(rollout), std::nullopt);

  std::set<std::size_t> recorded;
  bool deployment_recorded = false;
  bool ended = false;
  for (const Effect& effect : step.effects) {
    EXPECT_FALSE(ended) << "Finish is not the last effect";
    if (const auto* row = std::get_if<RecordHost>(&effect)) recorded.insert(row->index);
    if (std::holds_alternative<RecordDeployment>(effect)) deployment_recorded = true;
    if (const auto* line = std::get_if<TellOperator>(&effect)) told.push_back(line->text);
    if (std::holds_alternative<StartClock>(effect)) ++clocks;
    if (std::holds_alternative<Finish>(effect)) {
      ended = true;
      ++finished;
    }
    if (const auto* send = std::get_if<SendOrder>(&effect)) {
      const PlanHost& host = rollout.hosts[send->index];
      EXPECT_EQ(host.ordered, send->action);
      EXPECT_TRUE(recorded.contains(send->index) || before.hosts[send->index].sequence == host.sequence)
          << host.host << " is sent an order that no row holds";
      const Sent sent{host.host, {rollout.id, host.sequence}, send->action, send->release, send->take_back};
      on_the_way.push_back(sent);
      all_sent.push_back(sent);
    }
  }
  // What is stored and changed was recorded.
  for (std::size_t i = 0; i < rollout.hosts.size(); ++i) {
    PlanHost was = before.hosts[i];
    was.connected = rollout.hosts[i].connected;
    was.sent_at = rollout.hosts[i].sent_at;
    EXPECT_TRUE(was == rollout.hosts[i] || recorded.contains(i)) << rollout.hosts[i].host << " changed unrecorded";
  }
  EXPECT_TRUE(deployment_recorded ||
              (before.phase == rollout.phase && before.stage == rollout.stage && before.verdict == rollout.verdict &&
               before.reason == rollout.reason && before.ending == rollout.ending &&
               before.soak_from == rollout.soak_from && before.phase_since == rollout.phase_since))
      << "the deployment changed unrecorded";
  const auto in_flight = std::count_if(rollout.hosts.begin(), rollout.hosts.end(),
                                       [](const PlanHost& host) { return host.step == HostStep::activating; });
  most_in_flight = std::max(most_in_flight, static_cast<std::size_t>(in_flight));
  return step.effects;
}

Driver& Driver::start() {
  feed(Started{});
  settle();
  return *this;
}

void Driver::settle() {
  while (!on_the_way.empty()) {
    const Sent next = on_the_way.front();
    on_the_way.pop_front();
    deliver(next);
  }
}

void Driver::deliver(const Sent& sent) {
  FakeAgent& agent = agents.at(sent.host);
  if (!agent.connected || sent.id < agent.last_order) return;
  StepResult result = StepResult::discarded;
  const bool stages = sent.action == OrderAction::stage || sent.action == OrderAction::prefetch;
  if (stages) result = agent.on_stage;
  if (sent.action == OrderAction::activate) result = sent.take_back ? agent.on_take_back : agent.on_activate;
  if (sent.id > agent.last_order) {
    agent.last_order = sent.id;
    agent.obeyed.push_back(sent.action);
    if (sent.action == OrderAction::activate && result == StepResult::loaded) agent.live = sent.release;
  }
  if (agent.mute || (agent.mute_switch && sent.action == OrderAction::activate && !sent.take_back)) return;
  Outcome outcome{.application = rollout.application,
                  .order = sent.id,
                  .action = sent.action,
                  .result = result,
                  .live_release = agent.live};
  const bool good = result == StepResult::loaded || result == StepResult::staged || result == StepResult::discarded;
  if (!good) {
    outcome.step = stages ? "pull" : "reload hook";
    outcome.exit_status = 1;
    outcome.output = "no such thing";
  }
  feed(HostFinished{sent.host, outcome});
}

void Driver::judge(const judge::Verdict& verdict) {
  feed(JudgeAnswered{verdict});
  settle();
}

void Driver::pass(Duration length) {
  now.steady += length;
  now.wall += length;
  feed(TimePassed{});
  settle();
}

void Driver::gone(const HostName& name) {
  agents.at(name).connected = false;
  feed(HostGone{name});
  settle();
}

void Driver::back(const HostName& name) {
  agents.at(name).connected = true;
  feed(HostConnected{name, status_of(name)});
  settle();
}

void Driver::report(const HostName& name) {
  feed(HostReported{name, status_of(name)});
  settle();
}

void Driver::report_all() {
  for (const auto& [name, agent] : agents) {
    if (agent.connected) report(name);
  }
}

void Driver::restart(Duration away) {
  on_the_way.clear();
  now.steady += away;
  now.wall += away;
  rollout.progress = {};
  for (PlanHost& host : rollout.hosts) {
    host.connected = false;
    host.sent_at = {};
  }
  feed(Restored{});
}

void Driver::reconnect_all() {
  for (const auto& [name, agent] : agents) {
    if (agent.connected) back(name);
  }
}

PlanHost& Driver::host(const HostName& name) {
  const auto found = std::find_if(rollout.hosts.begin(), rollout.hosts.end(),
                                  [&](const PlanHost& candidate) { return candidate.host == name; });
  return *found;
}

std::set<HostName> Driver::live_on(ReleaseNumber release) const {
  std::set<HostName> names;
  for (const auto& [name, agent] : agents) {
    if (agent.live == release) names.insert(name);
  }
  return names;
}

std::size_t Driver::activations() const {
  return static_cast<std::size_t>(std::count_if(all_sent.begin(), all_sent.end(), [](const Sent& sent) {
    return sent.action == OrderAction::activate && !sent.take_back;
  }));
}

bool Driver::was_told(const std::string& part) const {
  return std::any_of(told.begin(), told.end(),
                     [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

ApplicationStatus Driver::status_of(const HostName& name) const {
  const FakeAgent& agent = agents.at(name);
  return {.application = rollout.application, .live_release = agent.live, .last_order = agent.last_order};
}

}  // namespace serin::rollout::testing
