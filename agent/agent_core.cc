#include "agent/agent_core.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::agent {

namespace {

using namespace std::chrono_literals;

constexpr Duration kDialTimeout = 15s;  ///< of connection, handshake and welcome together
constexpr Duration kBackoffMax = 60s;
constexpr Duration kDeniedWaitMax = 10s;  ///< an operator who accepts the key wants to see the host soon
constexpr Duration kOutcomeResend = 5s;
constexpr Duration kLogAgainAfter = 1h;
constexpr std::uint32_t kSilentDialsNamed = 3;
constexpr std::uint32_t kBackoffDoublings = 6;
constexpr std::size_t kReportsRemembered = limits::kReportedSecondsKept.count();

bool due(const std::optional<SteadyTime>& last, Now now) {
  return !last || now.steady - *last >= kLogAgainAfter;
}

}  // namespace

AgentCore::AgentCore(const AgentSettings& settings, Identity identity, std::uint64_t seed, Now now,
                     const count::Resumed& resumed)
    : settings_(settings),
      identity_(std::move(identity)),
      random_(seed),
      reports_(resumed.run.empty() ? identity_.instance : resumed.run, resumed.sequence),
      next_dial_(now.steady),
      link_since_(now.steady) {
  for (const auto& [name, application] : settings_.applications) {
    applications_[name].status.application = name;
    auto& counter = applications_[name].counter;
    counter.advance(now.steady);
    if (const auto known = resumed.applications.find(name); known != resumed.applications.end()) {
      counter.restore(known->second.counts, now.steady);
      applications_[name].acknowledged = known->second.acknowledged;
      reports_.restore_untold(name, known->second.untold);
    }
    if (!resumed.gap.empty()) counter.note_gap(resumed.gap);
    applications_[name].live_since = now.steady;
    rules_hashes_[name] = hash_of_rules(application);
  }
}

Duration AgentCore::random_up_to(Duration most) {
  return Duration{std::uniform_int_distribution<std::int64_t>(0, std::max<std::int64_t>(most.count(), 0))(random_)};
}

void AgentCore::send(Message message, Effects& effects, std::uint64_t request, std::uint64_t reply_to) {
  effects.emplace_back(SendMessage{{.header = {.protocol = limits::kProtocolNewest,
                                               .session = session_,
                                               .request = request == 0 ? ++newest_request_ : request,
                                               .reply_to = reply_to},
                                    .message = std::move(message)}});
}

std::vector<ApplicationStatus> AgentCore::statuses(Now now) const {
  std::vector<ApplicationStatus> all;
  for (const auto& [name, application] : applications_) {
    all.push_back(application.status);
    all.back().rules_hash = rules_hashes_.at(name);
    all.back().blind = application.blind;
    all.back().drift = application.drift;
    all.back().drift_path = application.drift_path;
    if (application.verified_at) all.back().verified_ms_ago = (now.steady - *application.verified_at).count();
    all.back().live_for_ms = (now.steady - application.live_since).count();
  }
  return all;
}

void AgentCore::send_hello(Now now, Effects& effects) {
  session_ = 0;
  send(Hello{.protocol_min = limits::kProtocolOldest,
             .protocol_max = limits::kProtocolNewest,
             .agent_version = SERIN_VERSION,
             .instance = identity_.instance,
             .boot_id = identity_.boot_id,
             .machine = identity_.machine,
             .controller_key = to_hex(settings_.controller_keys[key_]),
             .clock_ms = now.steady.time_since_epoch().count(),
             .wall_ms = now.wall.time_since_epoch().count(),
             .applications = statuses(now),
             .proxy_port = settings_.proxy.port,
             .proxy_address = settings_.proxy.address},
       effects);
  hello_request_ = newest_request_;
}

void AgentCore::send_heartbeat(Now now, Effects& effects) {
  next_heartbeat_ = now.steady + heartbeat_;
  send(Heartbeat{.clock_ms = now.steady.time_since_epoch().count(),
                 .wall_ms = now.wall.time_since_epoch().count(),
                 .applications = statuses(now)},
       effects);
}

void AgentCore::send_report(Now now, Effects& effects) {
  reported_second_ = second_of(now.steady);
  std::map<ApplicationName, const count::ErrorCounter*> counters;
  for (const auto& [name, application] : applications_) {
    if (!settings_.applications.at(name).sources.empty()) counters[name] = &application.counter;
  }
  const auto report = reports_.next(counters, rules_hashes_, now.steady);
  auto& totals = sent_totals_[report.sequence];
  for (const auto& [name, counter] : counters) totals[name] = counter->totals();
  if (sent_totals_.size() > kReportsRemembered) sent_totals_.erase(sent_totals_.begin());
  save_counts(now, false, effects);
  send(report, effects);
}

void AgentCore::save_counts(Now now, bool at_stop, Effects& effects) {
  saved_second_ = second_of(now.steady);
  count::Checkpoint checkpoint{.run = reports_.run(),
                               .sequence = reports_.sequence(),
                               .boot_id = identity_.boot_id,
                               .clock_ms = now.steady.time_since_epoch().count(),
                               .wall_ms = now.wall.time_since_epoch().count(),
                               .at_stop = at_stop,
                               .applications = {}};
  for (const auto& [name, application] : applications_) {
    checkpoint.applications.push_back({.application = name,
                                       .rules_hash = rules_hashes_.at(name),
                                       .counts = application.counter.state(reports_.safe_until()),
                                       .acknowledged = application.acknowledged,
                                       .untold = reports_.untold(name, application.counter),
                                       .logs = {}});
  }
  effects.emplace_back(SaveCounts{std::move(checkpoint)});
}

void AgentCore::take_acknowledgement(const HeartbeatReply& reply) {
  reports_.acknowledged(reply.run, reply.sequence);
  const auto sent = sent_totals_.find(reply.sequence);
  if (reply.run != reports_.run() || sent == sent_totals_.end()) return;
  for (const auto& [name, totals] : sent->second) applications_.at(name).acknowledged = totals;
  sent_totals_.erase(sent_totals_.begin(), std::next(sent));
}

void AgentCore::send_outcomes(Now now, Effects& effects) {
  next_outcomes_ = now.steady + kOutcomeResend;
  for (const auto& [key, outcome] : outbox_) send(outcome, effects);
}

void AgentCore::go_down(Duration wait, Now now) {
  link_ = Link::down;
  session_ = 0;
  next_dial_ = now.steady + wait;
}

Effects AgentCore::on_link_up(Now now) {
  Effects effects;
  if (link_ != Link::dialling) return effects;
  link_ = Link::greeting;
  silent_dials_ = 0;
  send_hello(now, effects);
  return effects;
}

Effects AgentCore::on_link_end(LinkEnd how, Now now) {
  Effects effects;
  if (link_ == Link::down) return effects;
  const bool was_ready = link_ == Link::ready;
  const bool was_dialling = link_ == Link::dialling;
  effects.emplace_back(CloseLink{});
  if (how == LinkEnd::denied) {
    silent_dials_ = 0;
    go_down(1s + random_up_to(kDeniedWaitMax), now);
    if (due(denied_logged_, now)) {
      denied_logged_ = now.steady;
      effects.emplace_back(
          LogLine{true, fmt::format("the controller at {} does not know this host's key yet; on the deploy "
                                    "host: serin hosts accept {} --name NAME",
                                    settings_.controller, to_hex(identity_.public_key))});
    }
    return effects;
  }
  if (was_ready) {
    failed_dials_ = 0;
    go_down(random_up_to(spread_) + random_up_to(1s), now);
    effects.emplace_back(LogLine{true, "lost the controller: going on alone, dialling again"});
    return effects;
  }
  failed_dials_ = std::min(failed_dials_ + 1, kBackoffDoublings);
  key_ = (key_ + 1) % settings_.controller_keys.size();
  go_down(random_up_to(std::min<Duration>(kBackoffMax, 1s * (1U << failed_dials_))), now);
  if (was_dialling && ++silent_dials_ >= kSilentDialsNamed && due(silent_logged_, now)) {
    silent_logged_ = now.steady;
    effects.emplace_back(LogLine{true, fmt::format("wrong key or no controller at {}: compare controller_keys with "
                                                   "`serin-controller --print-keys`; dialling on",
                                                   settings_.controller)});
  }
  return effects;
}

void AgentCore::take_welcome(const Welcome& welcome, Now now, Effects& effects) {
  if (link_ != Link::greeting) return;
  link_ = Link::ready;
  failed_dials_ = 0;
  denied_logged_.reset();
  silent_logged_.reset();
  session_ = welcome.session;
  host_ = welcome.host;
  content_port_ = welcome.content_port;
  heartbeat_ = std::clamp<Duration>(Duration{welcome.heartbeat_ms}, 100ms, 60s);
  spread_ = Duration{welcome.spread_ms};
  effects.emplace_back(LogLine{false, fmt::format("connected to {} as {}", settings_.controller, printable(host_))});
  reports_.send_again_since(welcome.report_since);
  send_outcomes(now, effects);
  send_heartbeat(now, effects);
  send_report(now, effects);
}

Effects AgentCore::on_message(const Envelope& envelope, Now now) {
  Effects effects;
  last_heard_ = now.steady;
  if (const auto* welcome = std::get_if<Welcome>(&envelope.message)) {
    // The answer to an older hello gives a session that is none any more.
    if (envelope.header.reply_to == hello_request_) take_welcome(*welcome, now, effects);
    return effects;
  }
  if (std::holds_alternative<Resync>(envelope.message)) {
    // One for each message of the old session comes; what was sent before the newest hello is answered by that.
    if (link_ == Link::ready && envelope.header.reply_to > hello_request_) {
      link_ = Link::greeting;
      link_since_ = now.steady;
      send_hello(now, effects);
    }
    return effects;
  }
  if (const auto* problem = std::get_if<Problem>(&envelope.message)) {
    effects.emplace_back(LogLine{true, "the controller says: " + printable(problem->text)});
    return effects;
  }
  if (link_ != Link::ready || envelope.header.session != session_) return effects;
  if (const auto* reply = std::get_if<HeartbeatReply>(&envelope.message)) {
    take_acknowledgement(*reply);
  } else if (const auto* acknowledged = std::get_if<OutcomeReply>(&envelope.message)) {
    outbox_.erase({acknowledged->application, acknowledged->order});
    if (applications_.contains(acknowledged->application)) {
      effects.emplace_back(AcknowledgeOutcome{acknowledged->application, acknowledged->order});
    }
  } else if (const auto* order = std::get_if<Order>(&envelope.message)) {
    take_order(*order, now, effects);
  } else {
    take_other(envelope.message, effects);
  }
  return effects;
}

Effects AgentCore::on_bad_message(const Header& header, const Error& error) {
  Effects effects;
  effects.emplace_back(LogLine{true, "a message of the controller was refused: " + printable(error.text)});
  if (link_ == Link::ready) send(Problem{error.text}, effects, 0, header.request);
  return effects;
}

void AgentCore::refuse_order(const Order& order, const std::string& step, const std::string& why, Now now,
                             Effects& effects) {
  Outcome outcome{.application = order.application,
                  .order = order.id,
                  .action = order.action,
                  .result = StepResult::unchanged,
                  .step = step,
                  .output = why,
                  .at_ms = now.steady.time_since_epoch().count()};
  if (const auto known = applications_.find(order.application); known != applications_.end()) {
    outcome.live_release = known->second.status.live_release;
    outcome.live_root = known->second.status.live_root;
  }
  outbox_[{order.application, order.id}] = outcome;
  effects.emplace_back(LogLine{true, fmt::format("order {}.{} for {} refused: {}", order.id.deployment,
                                                 order.id.sequence, printable(order.application), printable(why))});
  send_outcomes(now, effects);
}

void AgentCore::take_order(const Order& order, Now now, Effects& effects) {
  if (order.recipient != to_hex(identity_.public_key)) {
    effects.emplace_back(LogLine{true, "an order for another host was refused"});
    return;
  }
  const auto known = applications_.find(order.application);
  if (known == applications_.end()) {
    refuse_order(order, "configuration",
                 fmt::format("agent.toml has no [application.{}]", printable(order.application)), now, effects);
    return;
  }
  if (order.action == OrderAction::unknown) {
    refuse_order(order, "configuration", "unsupported: this agent does not know the action; upgrade it", now, effects);
    return;
  }
  auto release = open_release(order.release, settings_.release_keys);
  if (!release) {
    refuse_order(order, "verify", release.error().text, now, effects);
    return;
  }
  if (release->application != order.application) {
    refuse_order(order, "verify", fmt::format("the release is one of {}", printable(release->application)), now,
                 effects);
    return;
  }
  Application& application = known->second;
  if (!application.running) {
    application.running = order;
    effects.emplace_back(RunOrder{order, std::move(*release)});
    return;
  }
  if (order.id <= application.running->id) return;  // it is at work, or was replaced
  if (application.next && order.id <= application.next->first.id) return;
  application.next = {order, std::move(*release)};
  effects.emplace_back(StopStaging{order.application});
}

Effects AgentCore::on_step_ended(const ApplicationName& name) {
  Effects effects;
  Application& application = applications_.at(name);
  application.running.reset();
  if (application.next) {
    application.running = application.next->first;
    effects.emplace_back(RunOrder{application.next->first, std::move(application.next->second)});
    application.next.reset();
  }
  return effects;
}

Effects AgentCore::on_outcome(const Outcome& outcome, Now now) {
  Effects effects;
  outbox_[{outcome.application, outcome.order}] = outcome;
  if (link_ == Link::ready) send(outcome, effects);
  next_outcomes_ = now.steady + kOutcomeResend;
  return effects;
}

bool AgentCore::set_blind(const ApplicationName& application, const std::string& why) {
  return std::exchange(applications_.at(application).blind, why) != why;
}

Effects AgentCore::on_tick(Now now) {
  Effects effects;
  for (auto& [name, application] : applications_) application.counter.advance(now.steady);
  switch (link_) {
    case Link::down:
      if (now.steady >= next_dial_) {
        link_ = Link::dialling;
        link_since_ = now.steady;
        effects.emplace_back(Dial{key_});
      }
      break;
    case Link::dialling:
    case Link::greeting:
      if (now.steady - link_since_ > kDialTimeout) effects = on_link_end(LinkEnd::lost, now);
      break;
    case Link::ready:
      if (now.steady - last_heard_ > 3 * heartbeat_ + 1s) {
        effects = on_link_end(LinkEnd::lost, now);
        break;
      }
      if (now.steady >= next_heartbeat_) send_heartbeat(now, effects);
      if (second_of(now.steady) > reported_second_) send_report(now, effects);
      if (!outbox_.empty() && now.steady >= next_outcomes_) send_outcomes(now, effects);
      break;
  }
  // Also while the controller is away: what is read is counted once whatever happens.
  if (second_of(now.steady) > saved_second_) save_counts(now, false, effects);
  return effects;
}

Effects AgentCore::on_stop(Now now) {
  Effects effects;
  save_counts(now, true, effects);
  return effects;
}

}  // namespace serin::agent
