#include "controller/operate/collect_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "controller/operate/answers.h"
#include "controller/operate/table.h"
#include "controller/retention.h"
#include "protocol/text.h"

namespace serin::operate {

namespace {

using controller::Client;
using controller::Collection;
using controller::ControllerState;
using controller::Turn;
using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr Duration kEvery = 1h;
constexpr Duration kAfterStart = 10min;
constexpr Duration kAfterDeployment = 1min;

void begin(ControllerState& state, std::optional<Client> client, bool dry_run, Now now, Turn& turn) {
  auto plan = controller::plan_retention(state, now);
  Collection& collection = state.collecting.emplace();
  collection.client = std::move(client);
  collection.dry_run = dry_run;
  collection.releases = std::move(plan.collected);
  release::CollectRequest request{.roots = {}, .dry_run = dry_run};
  for (auto& kept : plan.kept) {
    request.roots.push_back(kept.root);
    collection.kept.emplace_back(kept.application, kept.release, std::move(kept.why));
  }
  if (!dry_run) {
    // Marked before anything goes, so that nobody rolls back to what is going.
    for (const auto& [application, number] : collection.releases) {
      state.releases.at(application).at(number).collected = true;
      turn.record(controller::StoreCollected{application, number, now.wall});
    }
    state.collected_from = now.steady;
    state.collect_at = now.steady + kEvery;
  }
  turn.effect(controller::StartCollect{std::move(request)});
}

bool deployment_ended_since(const ControllerState& state) {
  return std::ranges::any_of(state.latest_ended, [&](const auto& each) { return each.second > state.collected_from; });
}

OperatorEvent render_collection(const Collection& collection, const release::CollectResult& result) {
  const char* verb = collection.dry_run ? "would go" : "gone";
  std::string text;
  Json json{{"event", "gc"},
            {"exit", 0},
            {"dry_run", collection.dry_run},
            {"objects", result.objects},
            {"bytes", result.bytes},
            {"objects_kept", result.objects_kept},
            {"releases", Json::array()},
            {"kept", Json::array()}};
  Table table{{"KEPT", "BECAUSE"}};
  for (const auto& [application, number, why] : collection.kept) {
    table.add({fmt::format("{} r{}", application, number), why});
    json["kept"].push_back({{"application", application}, {"release", number}, {"why", why}});
  }
  for (const auto& [application, number] : collection.releases) {
    text += fmt::format("{}: {} r{}\n", verb, application, number);
    json["releases"].push_back({{"application", application}, {"release", number}});
  }
  if (!collection.kept.empty()) text += table.text();
  text += fmt::format("{}: {} releases, {} objects ({})", verb, collection.releases.size(), result.objects,
                      bytes_text(result.bytes));
  return {.final = true,
          .exit_code = 0,
          .kind = "gc",
          .text = std::move(text),
          .json = json.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

}  // namespace

void take_gc(ControllerState& state, const Client& client, const OperatorRequest& request, Now now, Turn& turn) {
  if (!request.dry_run && refuse_when_read_only(state, client, turn)) return;
  if (state.collecting) {
    tell(turn, client, error_event("refused: a collection is at work: try again in a moment", kRefused));
    return;
  }
  begin(state, client, request.dry_run, now, turn);
}

void tick_collection(ControllerState& state, Now now, Turn& turn) {
  if (!state.collect_at) {
    state.collect_at = now.steady + kAfterStart;
    state.collected_from = now.steady;
  }
  if (state.collecting || !state.read_only.empty()) return;
  const bool after_deployment =
      now.steady - state.collected_from >= kAfterDeployment && state.active.empty() && deployment_ended_since(state);
  if (now.steady < *state.collect_at && !after_deployment) return;
  begin(state, std::nullopt, false, now, turn);
}

void take_collected(ControllerState& state, const Result<release::CollectResult>& result, Turn& turn) {
  if (!state.collecting) return;
  const Collection collection = std::move(*state.collecting);
  state.collecting.reset();
  if (!collection.client) return;
  if (!result) {
    tell(turn, *collection.client, error_event("nothing more was collected: " + result.error().text, kError));
  } else {
    tell(turn, *collection.client, render_collection(collection, *result));
  }
}

}  // namespace serin::operate
