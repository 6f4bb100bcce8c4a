// What a dry run says of each group: see render.h.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "controller/operate/answers.h"
#include "controller/operate/render.h"
#include "controller/rollout/cohort.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::operate {

namespace {

using controller::ControllerState;
using Json = nlohmann::json;

constexpr std::size_t kLinesShown = 10;
constexpr std::size_t kPathsBytes = 64U << 10;

/// Hosts that run the same tree.
struct Runners {
  ReleaseNumber release = 0;
  std::set<std::string> groups;
  std::size_t hosts = 0;
};

/// By the root of what is live; nothing: nothing of Serin's is, or nobody knows.
std::map<ObjectId, Runners> runners_of(const ControllerState& state, const ApplicationName& application) {
  const auto& settings = state.settings.applications.at(application);
  std::map<ObjectId, Runners> all;
  for (const auto& [name, host] : state.roster.hosts()) {
    if (!rollout::belongs(settings.hosts, name, host.record.labels)) continue;
    const auto status = host.applications.find(application);
    const bool known = status != host.applications.end();
    Runners& runners = all[known ? status->second.live_root : ObjectId{}];
    runners.release = known ? status->second.live_release : 0;
    runners.groups.insert(group_of(settings, host));
    ++runners.hosts;
  }
  return all;
}

void list_changes(const std::vector<PathChange>& changes, const DiffSummary& summary, std::string& text, Json& json) {
  std::size_t shown = 0;
  std::size_t bytes = 0;
  Json paths = Json::array();
  for (const PathChange& change : changes) {
    const char* kind = !change.before ? "added" : !change.after ? "removed" : "changed";
    if (++shown <= kLinesShown) text += fmt::format("\n  {} {}", kind, printable(change.path));
    const std::string path = printable(change.path, limits::kPathBytesMax);
    bytes += path.size();
    if (bytes <= kPathsBytes) paths.push_back({{"path", path}, {"change", kind}});
  }
  const std::uint64_t all = std::max<std::uint64_t>(summary.added + summary.changed + summary.removed, changes.size());
  if (all > kLinesShown) text += fmt::format("\n  … and {} more", all - std::min<std::uint64_t>(shown, kLinesShown));
  json["not_listed"] = all - paths.size();
  json["changes"] = std::move(paths);
}

OperatorEvent render_runners(const ObjectId& root, const Runners& runners, bool runs_wanted,
                             const release::BuildResult& built) {
  const auto found = std::ranges::find_if(built.comparisons, [&](const auto& each) { return each.base.root == root; });
  std::string text = fmt::format("{} ({} {}): ", fmt::join(runners.groups, ", "), runners.hosts,
                                 runners.hosts == 1 ? "host" : "hosts");
  Json json{{"event", "group diff"},
            {"groups", runners.groups},
            {"hosts", runners.hosts},
            {"release", runners.release},
            {"root", root.is_nothing() ? "" : root.hex()},
            {"trouble", ""}};
  DiffSummary sum = built.summary;
  if (root.is_nothing()) {
    sum = {.added = built.files, .bytes = built.bytes};
    text +=
        fmt::format("nothing of Serin's is known to be live: all {} files ({})", built.files, bytes_text(built.bytes));
    json["not_listed"] = built.files;
    json["changes"] = Json::array();
  } else if (runs_wanted) {
    text += fmt::format("r{}: as above", runners.release);
    json["not_listed"] = 0;
    json["changes"] = Json::array();
    json["as_above"] = true;
  } else if (found == built.comparisons.end() || !found->trouble.empty()) {
    sum = {};
    const std::string why = found == built.comparisons.end() ? "it went live meanwhile" : printable(found->trouble);
    text += fmt::format("r{}: cannot be compared: {}", runners.release, why);
    json["trouble"] = why;
  } else {
    sum = found->summary;
    text += fmt::format("r{}: {} changed, {} added, {} removed ({} of new content)", runners.release, sum.changed,
                        sum.added, sum.removed, bytes_text(sum.bytes));
    list_changes(found->changes, sum, text, json);
  }
  json["added"] = sum.added;
  json["changed"] = sum.changed;
  json["removed"] = sum.removed;
  json["bytes"] = sum.bytes;
  return {.kind = "line", .text = std::move(text), .json = json.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

}  // namespace

std::vector<OperatorEvent> render_groups(const ControllerState& state, const ApplicationName& application,
                                         const release::BuildResult& built) {
  const auto* wanted = controller::wanted_release(state, application);
  std::vector<OperatorEvent> events;
  for (const auto& [root, runners] : runners_of(state, application)) {
    const bool runs_wanted = wanted != nullptr && root == wanted->release.root;
    events.push_back(render_runners(root, runners, runs_wanted, built));
  }
  return events;
}

}  // namespace serin::operate
