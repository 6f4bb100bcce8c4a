#include "controller/fleet/content_sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "controller/controller_state.h"
#include "controller/rollout/cohort.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::fleet {

namespace {

using controller::ControllerState;
using controller::Turn;

constexpr std::string_view kZoneLabel = "zone-";
constexpr std::size_t kNearMax = 16;
constexpr std::size_t kFarMax = 4;
constexpr std::size_t kHostsPerTick = 1'000;
constexpr std::size_t kRanksPerTick = 400'000;  ///< hosts times proxies: some 15 ms of the loop

void send(const Session& session, Message message, Turn& turn) {
  turn.effect(controller::SendToHost{
      session.connection,
      {.header = {.protocol = limits::kProtocolNewest, .session = session.id}, .message = std::move(message)}});
}

/// FNV-1a of both names, and MurmurHash3's 64-bit finaliser, without which names that differ in one
/// digit rank alike.
std::uint64_t rank_of(const HostName& host, const HostName& proxy) {
  std::uint64_t hash = 14'695'981'039'346'656'037ULL;
  for (const HostName* name : {&host, &proxy}) {
    for (const char byte : *name) hash = (hash ^ static_cast<unsigned char>(byte)) * 1'099'511'628'211ULL;
  }
  hash = (hash ^ hash >> 33U) * 0xff51afd7ed558ccdULL;
  hash = (hash ^ hash >> 33U) * 0xc4ceb9fe1a85ec53ULL;
  return hash ^ hash >> 33U;
}

/// At most so many of them, other ones for other hosts (rendezvous hashing), the same ones each time.
std::vector<ContentSource> some_of(const HostName& host, const std::vector<const ServingProxy*>& proxies,
                                   std::size_t most) {
  std::vector<std::pair<std::uint64_t, const ServingProxy*>> ranked;
  ranked.reserve(proxies.size());
  for (const ServingProxy* proxy : proxies) ranked.emplace_back(rank_of(host, proxy->source.host), proxy);
  most = std::min(most, ranked.size());
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(most), ranked.end());
  ranked.resize(most);
  std::vector<ContentSource> sources;
  sources.reserve(ranked.size());
  for (const auto& [rank, proxy] : ranked) sources.push_back(proxy->source);
  std::ranges::sort(sources, {}, &ContentSource::host);
  return sources;
}

std::vector<ServingProxy> serving(const ControllerState& state) {
  std::vector<ServingProxy> proxies;
  for (const auto& [name, host] : state.roster.hosts()) {
    if (host.presence != Presence::connected || !is_proxy(state, host)) continue;
    proxies.push_back(
        {.source = {.host = name, .endpoint = host.session->proxy_endpoint, .key = to_hex(host.record.public_key)},
         .zone = zone_of(host.record.labels)});
  }
  return proxies;
}

/// What came since they were told last, to all proxies.
void tell_proxies(ControllerState& state, Turn& turn) {
  SourceNews& news = state.sources;
  const auto slice = [](std::set<std::string>& keys) {
    std::string text;
    for (std::size_t i = 0; i < limits::kFleetKeysPerMessage && !keys.empty(); ++i) {
      text += keys.extract(keys.begin()).value();
    }
    return text;
  };
  while (!news.admitted.empty() || !news.revoked.empty()) {
    const FleetKeys keys{.admitted = slice(news.admitted), .revoked = slice(news.revoked)};
    for (const auto& [name, host] : state.roster.hosts()) {
      if (host.session && is_proxy(state, host)) send(*host.session, keys, turn);
    }
  }
}

void send_sources(ControllerState& state, const Host& host, Turn& turn) {
  const SourceNews& news = state.sources;
  if (!host.session || host.session->sources_version == news.version) return;
  send(*host.session, sources_of(host.record.name, zone_of(host.record.labels), news.proxies), turn);
  state.roster.told_sources(host.record.name, news.version);
}

void send_fleet_keys(const ControllerState& state, const Host& proxy, Turn& turn) {
  FleetKeys keys{.begins = true};
  for (const auto& [name, each] : state.roster.hosts()) {
    keys.admitted += each.record.public_key;
    if (keys.admitted.size() < limits::kFleetKeysPerMessage * each.record.public_key.size()) continue;
    send(*proxy.session, keys, turn);
    keys = {};
  }
  keys.ends = true;
  send(*proxy.session, keys, turn);
}

}  // namespace

std::string zone_of(const std::vector<std::string>& labels) {
  const auto label = std::ranges::find_if(labels, [](const std::string& each) { return each.starts_with(kZoneLabel); });
  return label == labels.end() ? std::string() : label->substr(kZoneLabel.size());
}

bool is_proxy(const ControllerState& state, const Host& host) {
  if (!host.session || host.session->proxy_endpoint.empty()) return false;
  return std::ranges::any_of(state.settings.applications, [&](const auto& application) {
    return rollout::belongs(application.second.proxies, host.record.name, host.record.labels);
  });
}

ContentSources sources_of(const HostName& host, const std::string& zone, const std::vector<ServingProxy>& proxies) {
  std::vector<const ServingProxy*> near, far;
  for (const ServingProxy& proxy : proxies) {
    if (proxy.source.host != host) (proxy.zone == zone ? near : far).push_back(&proxy);
  }
  return {.near = some_of(host, near, kNearMax), .far = some_of(host, far, kFarMax)};
}

void tell_sources(ControllerState& state, const HostName& host, Turn& turn) {
  const Host& known = *state.roster.find(host);
  send_sources(state, known, turn);
  if (is_proxy(state, known)) send_fleet_keys(state, known, turn);
}

void tick_sources(ControllerState& state, Turn& turn) {
  SourceNews& news = state.sources;
  if (auto now_serving = serving(state); now_serving != news.proxies) {
    news.proxies = std::move(now_serving);
    ++news.version;
  }
  tell_proxies(state, turn);
  const std::size_t most = std::clamp<std::size_t>(kRanksPerTick / (news.proxies.size() + 1), 1, kHostsPerTick);
  std::size_t told = 0;
  for (const auto& [name, host] : state.roster.hosts()) {
    if (!host.session || host.session->sources_version == news.version) continue;
    if (told++ == most) return;
    send_sources(state, host, turn);
  }
}

}  // namespace serin::fleet
