// The table of hosts. The rest of render.h is in render.cc.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "controller/fleet/content_sources.h"
#include "controller/operate/render.h"
#include "controller/operate/table.h"
#include "protocol/text.h"

namespace serin::operate {

namespace {

using controller::ControllerState;
using Json = nlohmann::json;

/// What a host that offers to serve content does for others; empty: it does not offer.
std::string proxy_line(const ControllerState& state, const fleet::Host& host) {
  if (!host.session || host.session->proxy_endpoint.empty()) return {};
  const std::string zone = fleet::zone_of(host.record.labels);
  return fmt::format("proxy {} at {}: {}\n", host.record.name, printable(host.session->proxy_endpoint),
                     !fleet::is_proxy(state, host)
                         ? "not used, no application's `proxies` names it"
                         : (zone.empty() ? "serves the hosts without a zone" : "serves zone " + zone));
}

}  // namespace

OperatorEvent render_hosts(const ControllerState& state, const std::vector<PendingKey>& pending, Now now) {
  Table table{{"HOST", "KEY", "PRESENCE", "SEEN", "ADDRESS", "AGENT", "LABELS"}};
  std::string serving;
  Json json{{"event", "hosts"}, {"hosts", Json::array()}, {"pending", Json::array()}};
  for (const auto& [name, host] : state.roster.hosts()) {
    const std::string key = to_hex(host.record.public_key);
    const std::string seen = host.last_heard ? age_text(now.steady - *host.last_heard) : "never";
    table.add({name, key.substr(0, 16), std::string{name_of(host.presence)}, seen,
               host.session ? printable(host.session->address) : "-",
               host.session ? printable(host.session->agent_version, 20) : "-",
               fmt::format("{}", fmt::join(host.record.labels, ","))});
    json["hosts"].push_back({{"host", name},
                             {"key", key},
                             {"presence", name_of(host.presence)},
                             {"labels", host.record.labels},
                             {"controller_key", host.session ? printable(host.session->controller_key) : ""},
                             {"conflict", host.conflict},
                             {"proxy", host.session ? printable(host.session->proxy_endpoint) : ""},
                             {"zone", fleet::zone_of(host.record.labels)}});
    serving += proxy_line(state, host);
  }
  std::string text = (state.roster.hosts().empty() ? "no host is accepted yet\n" : table.text()) + serving;
  for (const auto& [name, host] : state.roster.hosts()) {
    if (!host.conflict.empty()) text += fmt::format("CONFLICT {}: {}\n", name, host.conflict);
  }
  if (!pending.empty()) {
    Table waiting{{"PENDING KEY", "ADDRESS", "TRIES", "LAST TRY"}};
    for (const PendingKey& key : pending) {
      waiting.add({to_hex(key.public_key), printable(key.address), std::to_string(key.tries),
                   age_text(now.wall - WallTime{Duration{key.last_wall_ms}})});
      json["pending"].push_back(
          {{"key", to_hex(key.public_key)}, {"address", printable(key.address)}, {"tries", key.tries}});
    }
    text += "\n" + waiting.text() + "accept one: serin hosts accept KEY --name NAME\n";
  }
  return {
      .final = true, .kind = "hosts", .text = text, .json = json.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

}  // namespace serin::operate
