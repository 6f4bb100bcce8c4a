#include "tests/simulation/promises.h"

#include <fmt/format.h>

#include <algorithm>

namespace serin::simulation {

using rollout::HostStep;
using rollout::Phase;
using rollout::PlanHost;
using rollout::Rollout;

namespace {

/// A host's seconds are aligned to the controller's by whole ones, and a slow hello shifts them.
constexpr Duration kAlignment{1'500};

const PlanHost* row_of(const Rollout* rollout, const HostName& host) {
  if (rollout == nullptr) return nullptr;
  const auto found = std::find_if(rollout->hosts.begin(), rollout->hosts.end(),
                                  [&](const PlanHost& candidate) { return candidate.host == host; });
  return found == rollout->hosts.end() ? nullptr : &*found;
}

std::string text_of(const HostName& host, const OrderId& id) {
  return fmt::format("order {}.{} of {}", id.deployment, id.sequence, host);
}

}  // namespace

void Promises::order_goes_out(const HostName& host, const Order& order) {
  const auto release = decode_release(order.release.record);
  if (!release) return broken("an order without a release: " + release.error().text);
  const MemoryStore& store = controller_.store();
  if (!store.knows(order.application, release->number)) {
    return broken(fmt::format("{} names r{}, which is not stored", text_of(host, order.id), release->number));
  }
  const Rollout* deployment = store.deployment(order.id.deployment);
  const PlanHost* row = row_of(deployment, host);
  if (row != nullptr && order.id.sequence < row->sequence) return;  // overtaken by a newer one meanwhile
  if (row != nullptr && order.id.sequence == row->sequence) {
    const ReleaseNumber target = order.take_back ? row->former : deployment->release;
    if (row->ordered != order.action || target != release->number) {
      broken(fmt::format("{} ({} r{}) is stored as {} r{}", text_of(host, order.id), name_of(order.action),
                         release->number, name_of(row->ordered), target));
    }
    return;
  }
  // Outside any deployment a host is only brought to what is wanted.
  if (order.action != OrderAction::activate || store.wanted(order.application) != release->number) {
    broken(fmt::format("{} ({} r{}) is not stored, and r{} is wanted", text_of(host, order.id), name_of(order.action),
                       release->number, store.wanted(order.application)));
  }
}

void Promises::acknowledgement_goes_out(const HostName& host, const OutcomeReply& reply) {
  const Rollout* deployment = controller_.store().deployment(reply.order.deployment);
  const PlanHost* row = row_of(deployment, host);
  if (row == nullptr || deployment->phase == Phase::finished || row->sequence != reply.order.sequence) return;
  if (row->step == HostStep::staging || row->step == HostStep::activating || row->step == HostStep::returning) {
    broken(fmt::format("the outcome of {} is acknowledged and stored as {}", text_of(host, reply.order),
                       name_of(row->step)));
  }
}

void Promises::operator_is_told(const OperatorEvent& event) {
  const std::string key = "\"deployment\":";
  const auto at = event.json.find(key);
  if (!event.final || at == std::string::npos || event.json.find("\"outcome\":") == std::string::npos) return;
  const DeploymentId id = std::stoull(event.json.substr(at + key.size()));
  const Rollout* deployment = controller_.store().deployment(id);
  if (deployment == nullptr || deployment->phase != Phase::finished) {
    broken(fmt::format("an operator was told the end of deployment {} before it was stored", id));
  }
}

void Promises::look_at_commits() {
  if (controller_.commits() == commits_seen_) return;
  commits_seen_ = controller_.commits();
  for (const auto& [id, rollout] : controller_.store().deployments()) {
    // An alarm takes it away again, for what comes after.
    if (controller_.store().trust(rollout.application, rollout.release) == controller::Trust::trusted) {
      trusted_once_.insert(rollout.release);
    }
    const bool passed = rollout.verdict && rollout.verdict->answer == judge::Answer::pass;
    if (passed || rollout.unchecked() || rollout.first_release || rollout.forced_on) cleared_.insert(rollout.release);
    if (rollout.phase == Phase::finished && ended_.insert(id).second) look_at_end(rollout);
  }
}

void Promises::look_at_end(const Rollout& rollout) {
  if (rollout.ending == rollout::Ending::superseded) return;
  const bool back = rollout.ending != rollout::Ending::released;
  for (const SimulatedHost& host : hosts_) {
    const PlanHost* row = row_of(&rollout, host.name());
    if (row == nullptr || row->former == rollout.release) continue;
    const ReleaseNumber live = host.live();
    const bool wrong = (row->step == HostStep::loaded && live != rollout.release) ||
                       (row->step == HostStep::returned && live != row->former) ||
                       (row->step == HostStep::unchanged && row->touched && live == rollout.release) ||
                       (row->step == HostStep::taken_back && live == rollout.release) ||
                       (!row->touched && back && live == rollout.release);
    if (!wrong) continue;
    broken(fmt::format("deployment {} of r{} ended {} with {} {}, which runs r{}", rollout.id, rollout.release,
                       name_of(rollout.ending), host.name(), name_of(row->step), live));
  }
}

void Promises::look() {
  if (!breach_.empty()) return;
  look_at_commits();
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if (!hosts_[i].breach().empty()) broken(hosts_[i].breach());
    const ReleaseNumber live = hosts_[i].live();
    if (live != 0 && !is_canary_(i) && !cleared_.contains(live)) {
      broken(fmt::format("{} is no canary and runs r{} before the verdict", hosts_[i].name(), live));
    }
  }
  if (!controller_.running()) return;
  for (const auto& [application, active] : controller_.state().active) {
    if (const auto breach = rollout::broken_invariant(active.rollout)) broken(*breach);
  }
}

bool Promises::ran_trusted(const SimulatedHost& host, std::int64_t second) const {
  const SteadyTime from = start_of(second) - kAlignment;
  const SteadyTime until = start_of(second + 1) + kAlignment;
  const auto& lived = host.lived();
  for (std::size_t i = 0; i < lived.size(); ++i) {
    const bool over = i + 1 < lived.size() && lived[i + 1].from <= from;
    if (over || lived[i].from >= until) continue;
    if (trusted_once_.contains(lived[i].release)) return true;
  }
  return false;
}

void Promises::look_at_evidence(const ApplicationName& application, Now now) {
  if (!controller_.running()) return;
  for (const SimulatedHost& host : hosts_) {
    const std::int64_t until = second_of(now.steady) + 1;
    for (const fleet::Sample& sample :
         controller_.state().ledger.samples(host.name(), application, until - limits::kLedgerFine.count(), until)) {
      if (!sample.trusted || ran_trusted(host, sample.second)) continue;
      std::string ran;
      for (const auto& lived : host.lived()) {
        ran += fmt::format(", r{} from {:.1f}", lived.release,
                           std::chrono::duration<double>(lived.from.time_since_epoch()).count());
      }
      broken(fmt::format("second {} of {} ({} errors) counts as trusted, and it ran{}", sample.second, host.name(),
                         sample.errors, ran));
      return;
    }
  }
}

}  // namespace serin::simulation
