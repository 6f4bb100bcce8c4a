#include "controller/evidence/agent_source.h"

#include "controller/evidence/agent_evidence.h"
#include "protocol/text.h"

namespace serin::evidence {

AgentSource::AgentSource(const controller::ControllerState& state, const controller::ActiveDeployment& active, Now now)
    : state_(state), active_(active), now_(now) {
  const auto& recovering_until = active.rollout.progress.recovering_until;
  recovering_ = recovering_until && now.steady < *recovering_until;
  // Whoever lives is back by then; the rest is not waited for.
  returning_ = recovering_ && now.steady < *recovering_until - rollout::kRecovery + kReturn;
}

bool AgentSource::heard(std::size_t host, std::int64_t second) const {
  return state_.ledger.at(name(host), application(), second).reported;
}

bool AgentSource::complete(std::size_t host, std::int64_t second) const {
  if (!recovering_ && start_of(second + 1) + kLate <= now_.steady) return true;
  if (heard(host, second)) return true;
  if (!active_.rollout.hosts[host].connected) return !returning_;
  // After a restart hosts bring what they counted meanwhile, the oldest first: what is behind that is a hole.
  return recovering_ && state_.ledger.newest(name(host), application()) > second + kLate.count();
}

Duration AgentSource::patience() const {
  return state_.settings.applications.at(application()).fixed.silence_max + std::chrono::seconds{1};
}

judge::Tally AgentSource::before(std::size_t host) const {
  const auto found = active_.baselines.find(name(host));
  return found == active_.baselines.end() ? judge::Tally{} : found->second;
}

const fleet::HostSeconds& AgentSource::steps_before(std::size_t host) const {
  static const fleet::HostSeconds none;
  return host < active_.before.size() ? active_.before[host] : none;
}

judge::Tally AgentSource::after(std::size_t host, std::int64_t from, std::int64_t until) const {
  // A host that is on its way back has the rest still with it: the few seconds that were stored are no rate.
  if (recovering_ && until > from && !heard(host, until - 1)) return {};
  return state_.ledger.window(name(host), application(), from, until);
}

std::uint64_t AgentSource::longest_silence(std::size_t host, std::int64_t from, std::int64_t until) const {
  return state_.ledger.longest_silence(name(host), application(), from, until);
}

judge::Counts AgentSource::at(std::size_t host, std::int64_t second) const {
  return counts_at(state_, application(), name(host), steps_before(host).rules_hash, second);
}

std::vector<SignatureCount> AgentSource::messages(std::size_t host, std::int64_t second) const {
  return state_.ledger.signatures(name(host), application(), second);
}

std::optional<Unknown> AgentSource::unknown(std::size_t host, std::int64_t from, std::int64_t until) const {
  std::string gap = state_.ledger.gap(name(host), application(), from, until);
  if (const fleet::Host* known = state_.roster.find(name(host)); known != nullptr && gap.empty()) {
    const auto status = known->applications.find(application());
    if (status != known->applications.end()) gap = status->second.blind;
  }
  if (gap.empty()) return std::nullopt;
  return Unknown{.reason = "gap", .text = std::move(gap)};
}

}  // namespace serin::evidence
