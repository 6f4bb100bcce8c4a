#include "controller/controller_core.h"

#include <algorithm>

#include "controller/evidence/agent_evidence.h"
#include "controller/operate/collect_commands.h"
#include "controller/operate/evidence_commands.h"
#include "controller/operate/verify_commands.h"
#include "controller/rollout/after_release.h"
#include "controller/rollout/deployments.h"
#include "controller/rollout/source_verdicts.h"

namespace serin::controller {

ControllerCore::ControllerCore(ControllerSettings settings, SigningKey signing_key, StoredState stored,
                               std::string instance, std::uint64_t first_session) {
  state_.roster = fleet::Roster{settings.heartbeat, settings.lease};
  state_.settings = std::move(settings);
  state_.signing_key = std::move(signing_key);
  state_.instance = std::move(instance);
  state_.next_session = first_session;
  state_.releases = std::move(stored.releases);
  state_.wanted = std::move(stored.wanted);
  state_.newest_deployment = stored.newest_deployment;
  state_.latest = std::move(stored.latest);
  state_.bursts = std::move(stored.bursts);
  state_.alarms = std::move(stored.alarms);
  for (const controller::StoreMessage& row : stored.messages) {
    state_.messages.restore(row.application, row.id, row.message);
  }
  for (const auto& [application, rollout] : state_.latest) {
    state_.latest_ended[application] = rollout.phase_since;
    latest_before_[application] = evidence::in_plan_order(rollout, std::move(stored.before[rollout.id]));
  }
  state_.host_releases = std::move(stored.host_releases);
  for (const fleet::HostRecord& record : stored.hosts) {
    // Stored rows passed accept() once; a conflict can only come from a hand-edited database, and then the first wins.
    [[maybe_unused]] const auto accepted = state_.roster.accept(record);
  }
  for (rollout::Rollout& rollout : stored.running) {
    const ApplicationName application = rollout.application;
    ActiveDeployment active{.rollout = std::move(rollout)};
    for (std::size_t i = 0; i < active.rollout.hosts.size(); ++i) active.index_of[active.rollout.hosts[i].host] = i;
    active.baselines = std::move(stored.baselines[active.rollout.id]);
    active.before = evidence::in_plan_order(active.rollout, std::move(stored.before[active.rollout.id]));
    rollout::restore_sources(active, stored.remote[active.rollout.id]);
    for (const fleet::Sample& sample : stored.samples[active.rollout.id]) {
      state_.ledger.restore(application, sample);
      active.samples_stored_until = std::max(active.samples_stored_until, sample.second + 1);
    }
    state_.active.insert_or_assign(application, std::move(active));
  }
}

Turn ControllerCore::start(Now now) {
  Turn turn;
  for (const auto& [application, rollout] : state_.latest) {
    const auto settings = state_.settings.applications.find(application);
    if (rollout.ending != rollout::Ending::released || settings == state_.settings.applications.end()) continue;
    if (state_.active.contains(application) || now.steady - rollout.phase_since >= settings->second.watch) continue;
    const KnownRelease* released = find_release(state_, application, rollout.release);
    rollout::watch_release(state_, rollout, latest_before_[application],
                           released == nullptr ? 0 : released->release.parent, now);
  }
  latest_before_.clear();
  for (const auto& [name, host] : state_.roster.hosts()) turn.effect(AdmitKey{host.record.public_key, name});
  std::vector<ApplicationName> running;
  running.reserve(state_.active.size());
  for (const auto& [application, active] : state_.active) running.push_back(application);
  for (const ApplicationName& application : running) {
    if (!state_.settings.applications.contains(application)) {
      // Its section was removed from the configuration: the hosts keep what they run.
      rollout::move_rollout(state_, application, rollout::Superseded{"the configuration, which no longer names it"},
                            now, turn);
      continue;
    }
    rollout::move_rollout(state_, application, rollout::Restored{}, now, turn);
  }
  return turn;
}

Turn ControllerCore::on_host_message(const fleet::Origin& from, const Envelope& envelope, Now now) {
  Turn turn;
  fleet::take_host_message(state_, from, envelope, now, turn);
  return turn;
}

Turn ControllerCore::on_request(const Client& client, const operate::Caller& caller, const OperatorRequest& request,
                                const std::vector<operate::PendingKey>& pending, Now now) {
  Turn turn;
  operate::take_request(state_, client, caller, request, pending, now, turn);
  return turn;
}

Turn ControllerCore::on_built(const ApplicationName& application, const Result<release::BuildResult>& result, Now now) {
  Turn turn;
  operate::take_build(state_, application, result, now, turn);
  return turn;
}

Turn ControllerCore::on_collected(const Result<release::CollectResult>& result) {
  Turn turn;
  operate::take_collected(state_, result, turn);
  return turn;
}

Turn ControllerCore::on_evidence(const Client& client, const evidence::Answer& answer, Now now) {
  Turn turn;
  if (answer.question.test) {
    operate::take_test_answer(state_, client, answer, now, turn);
  } else {
    rollout::take_answer(state_, answer, now, turn);
  }
  return turn;
}

Turn ControllerCore::on_tick(Now now) {
  Turn turn;
  fleet::tick_hosts(state_, now, turn);
  fleet::tick_sources(state_, turn);
  if (state_.read_only.empty()) rollout::tick_deployments(state_, now, turn);
  operate::tick_verifies(state_, now, turn);
  operate::tick_collection(state_, now, turn);
  return turn;
}

void ControllerCore::on_client_gone(const std::string& connection) {
  operate::drop_client(state_, connection);
}

void ControllerCore::set_read_only(std::string why) {
  state_.read_only = std::move(why);
}

void ControllerCore::set_content_bytes_sent(std::uint64_t bytes) {
  state_.content_bytes_sent = bytes;
}

void ControllerCore::set_low_space(std::string why) {
  state_.low_space = std::move(why);
}

}  // namespace serin::controller
