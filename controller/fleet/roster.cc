#include "controller/fleet/roster.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/text.h"

namespace serin::fleet {

namespace {
constexpr int kSilentAfterHeartbeats = 3;
constexpr std::size_t kClaimsKept = 4;
constexpr std::int64_t kWallMsMax = std::int64_t{1} << 53U;

/// Where the host offers to serve content; empty: it does not, or names no address.
std::string proxy_endpoint(const Hello& hello, const std::string& seen_at) {
  const std::string& address = hello.proxy_address.empty() ? seen_at : hello.proxy_address;
  if (hello.proxy_port == 0 || !is_bind_address(address) || address == "*") return {};
  const bool is_bare_ipv6 = address.find(':') != std::string::npos && !address.starts_with('[');
  return fmt::format("tcp://{}:{}", is_bare_ipv6 ? "[" + address + "]" : address, hello.proxy_port);
}

}  // namespace

std::int64_t wall_offset_ms(std::int64_t host_wall_ms, Now now) {
  return std::clamp(host_wall_ms, -kWallMsMax, kWallMsMax) - now.wall.time_since_epoch().count();
}

std::string_view name_of(Presence presence) {
  switch (presence) {
    case Presence::never:
      return "never seen";
    case Presence::connected:
      return "connected";
    case Presence::silent:
      return "silent";
    case Presence::lost:
      return "lost";
    case Presence::conflict:
      return "conflict";
  }
  return "never seen";
}

Result<void> Roster::accept(const HostRecord& record) {
  if (const Host* same_name = find(record.name); same_name != nullptr) {
    if (same_name->record.public_key == record.public_key) {
      return failure(ErrorKind::refused, fmt::format("{} is accepted already with this key", record.name));
    }
    return failure(ErrorKind::refused,
                   fmt::format("another key is called {}: revoke it first (serin hosts revoke {}), or "
                               "choose another name",
                               record.name, record.name));
  }
  if (const Host* same_key = find_key(record.public_key); same_key != nullptr) {
    return failure(ErrorKind::refused,
                   fmt::format("this key is called {} already: revoke that first (serin hosts revoke {})",
                               same_key->record.name, same_key->record.name));
  }
  hosts_[record.name].record = record;
  return {};
}

std::optional<HostRecord> Roster::revoke(const HostName& name) {
  auto host = hosts_.extract(name);
  if (host.empty()) return std::nullopt;
  return std::move(host.mapped().record);
}

void Roster::drop_old_claims(Host& host, Now now) const {
  const Duration kept = host.presence == Presence::conflict ? std::max<Duration>(lease_, kConflictQuiet) : lease_;
  std::erase_if(host.claims, [&](const Claim& claim) { return now.steady - claim.at >= kept; });
}

Claim& Roster::claim_of(Host& host, const Hello& hello) const {
  for (Claim& claim : host.claims) {
    if (claim.machine == hello.machine && claim.instance == hello.instance) return claim;
  }
  if (host.claims.size() >= kClaimsKept) {
    const auto oldest = std::min_element(host.claims.begin(), host.claims.end(),
                                         [](const Claim& a, const Claim& b) { return a.at < b.at; });
    host.claims.erase(oldest);
  }
  return host.claims.emplace_back(Claim{.machine = hello.machine, .instance = hello.instance});
}

std::string Roster::conflict_text(const Host& host, const Claim& mine) {
  const Claim* other = nullptr;
  for (const Claim& claim : host.claims) {
    if (&claim != &mine && (other == nullptr || other->machine == mine.machine)) other = &claim;
  }
  const std::string where = fmt::format("{} and {}", printable(other->address), printable(mine.address));
  if (other->machine == mine.machine) {
    return fmt::format("two agents on one machine use its key, at {}: stop one of them", where);
  }
  return fmt::format(
      "two machines use its key, at {}: one is a clone; on it stop serin-agent, remove its "
      "state_dir/keys and accept the new key",
      where);
}

void Roster::told_sources(const HostName& name, std::uint64_t version) {
  const auto host = hosts_.find(name);
  if (host != hosts_.end() && host->second.session) host->second.session->sources_version = version;
}

Roster::HelloOutcome Roster::hello(const HostName& name, const Hello& hello, const std::string& connection,
                                   const std::string& address, std::uint64_t session_id, Now now) {
  const auto found = hosts_.find(name);
  if (found == hosts_.end()) return {.refusal = "this host was revoked"};
  Host& host = found->second;
  drop_old_claims(host, now);
  Claim& mine = claim_of(host, hello);
  mine.at = now.steady;
  mine.address = address;
  const bool conflict = std::any_of(host.claims.begin(), host.claims.end(), [&](const Claim& other) {
    if (&other == &mine) return false;
    return host.presence == Presence::conflict || other.machine != mine.machine || mine.replaced;
  });
  if (conflict) {
    host.presence = Presence::conflict;
    host.conflict = conflict_text(host, mine);
    host.session.reset();
    return {.refusal = host.conflict};
  }
  for (Claim& other : host.claims) other.replaced = &other != &mine;
  host.conflict.clear();
  host.presence = Presence::connected;
  host.last_heard = now.steady;
  host.session = Session{.id = session_id,
                         .connection = connection,
                         .instance = hello.instance,
                         .machine = hello.machine,
                         .boot_id = hello.boot_id,
                         .address = address,
                         .agent_version = hello.agent_version,
                         .controller_key = hello.controller_key,
                         .proxy_endpoint = proxy_endpoint(hello, address),
                         .last_heard = now.steady,
                         .wall_offset_ms = wall_offset_ms(hello.wall_ms, now)};
  return {.welcome = true, .session = session_id};
}

bool Roster::heard(const HostName& name, std::uint64_t session, const std::string& connection, Now now) {
  const auto found = hosts_.find(name);
  if (found == hosts_.end()) return false;
  Host& host = found->second;
  if (!host.session || host.session->id != session || host.session->connection != connection) return false;
  host.session->last_heard = now.steady;
  host.last_heard = now.steady;
  for (Claim& claim : host.claims) {
    if (!claim.replaced) claim.at = now.steady;
  }
  host.presence = Presence::connected;
  return true;
}

void Roster::update(const HostName& name, const std::vector<ApplicationStatus>& applications,
                    std::int64_t wall_offset_ms) {
  const auto found = hosts_.find(name);
  if (found == hosts_.end()) return;
  found->second.applications.clear();
  for (const ApplicationStatus& status : applications) found->second.applications[status.application] = status;
  if (found->second.session) found->second.session->wall_offset_ms = wall_offset_ms;
}

ApplicationStatus* Roster::application(const HostName& name, const ApplicationName& application) {
  const auto found = hosts_.find(name);
  if (found == hosts_.end()) return nullptr;
  const auto status = found->second.applications.find(application);
  return status == found->second.applications.end() ? nullptr : &status->second;
}

Presence Roster::presence_at(const Host& host, Now now) const {
  if (host.presence == Presence::conflict) {
    return host.claims.empty() ? Presence::lost : Presence::conflict;  // else the next hello decides
  }
  if (!host.session) return host.presence;
  const Duration quiet = now.steady - host.session->last_heard;
  if (quiet >= lease_) return Presence::lost;
  return quiet >= kSilentAfterHeartbeats * heartbeat_ ? Presence::silent : host.presence;
}

std::vector<HostName> Roster::tick(Now now) {
  std::vector<HostName> changed;
  for (auto& [name, host] : hosts_) {
    drop_old_claims(host, now);
    const Presence next = presence_at(host, now);
    if (next == host.presence) continue;
    host.presence = next;
    if (next == Presence::lost) {
      host.session.reset();
      host.conflict.clear();
    }
    changed.push_back(name);
  }
  return changed;
}

const Host* Roster::find(const HostName& name) const {
  const auto found = hosts_.find(name);
  return found == hosts_.end() ? nullptr : &found->second;
}

const Host* Roster::find_key(const std::string& public_key) const {
  const auto found = std::find_if(hosts_.begin(), hosts_.end(),
                                  [&](const auto& item) { return item.second.record.public_key == public_key; });
  return found == hosts_.end() ? nullptr : &found->second;
}

}  // namespace serin::fleet
