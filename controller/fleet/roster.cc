#include "controller/fleet/roster.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/text.h"

namespace serin::fleet {

namespace {
constexpr int kSilentAfterHeartbeats = 3;
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

Roster::HelloOutcome Roster::hello(const HostName& name, const Hello& hello, const std::string& connection,
                                   const std::string& address, std::uint64_t session_id, Now now) {
  const auto found = hosts_.find(name);
  if (found == hosts_.end()) return {.refusal = "this host was revoked"};
  Host& host = found->second;
  const bool live = host.session && now.steady - host.session->last_heard < lease_;
  const bool other_machine = live && host.session->machine != hello.machine;
  const bool was_replaced = live && !other_machine && hello.instance == host.session->former_instance;
  if (other_machine || was_replaced) {
    host.presence = Presence::conflict;
    host.conflict = fmt::format(
        "two {} use its key, at {} and {}: one is a clone; on it stop serin-agent, remove its "
        "state_dir/keys and accept the new key",
        other_machine ? "machines" : "agents", printable(host.session->address), printable(address));
    host.conflict_at = now.steady;
    return {.refusal = host.conflict};
  }
  if (host.presence == Presence::conflict && now.steady - host.conflict_at < lease_) return {.refusal = host.conflict};
  host.conflict.clear();
  host.presence = Presence::connected;
  host.last_heard = now.steady;
  std::string former;
  if (live) former = host.session->instance == hello.instance ? host.session->former_instance : host.session->instance;
  host.session = Session{.id = session_id,
                         .connection = connection,
                         .instance = hello.instance,
                         .machine = hello.machine,
                         .boot_id = hello.boot_id,
                         .address = address,
                         .agent_version = hello.agent_version,
                         .former_instance = std::move(former),
                         .controller_key = hello.controller_key,
                         .last_heard = now.steady,
                         .wall_offset_ms = hello.wall_ms - now.wall.time_since_epoch().count()};
  return {.welcome = true, .session = session_id};
}

bool Roster::heard(const HostName& name, std::uint64_t session, const std::string& connection, Now now) {
  const auto found = hosts_.find(name);
  if (found == hosts_.end()) return false;
  Host& host = found->second;
  if (!host.session || host.session->id != session || host.session->connection != connection) return false;
  host.session->last_heard = now.steady;
  host.last_heard = now.steady;
  if (host.presence == Presence::conflict) return false;
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

std::vector<HostName> Roster::tick(Now now) {
  std::vector<HostName> changed;
  for (auto& [name, host] : hosts_) {
    if (!host.session) continue;
    const Duration quiet = now.steady - host.session->last_heard;
    Presence next = host.presence;
    if (host.presence == Presence::conflict) {
      // Over when nobody tried for a lease; the present session goes with it and the next hello decides.
      if (now.steady - host.conflict_at < lease_) continue;
      host.conflict.clear();
      next = Presence::lost;
    } else if (quiet >= lease_ && now.steady >= grace_until_) {
      next = Presence::lost;
    } else if (quiet >= kSilentAfterHeartbeats * heartbeat_) {
      next = Presence::silent;
    }
    if (next == host.presence) continue;
    host.presence = next;
    if (next == Presence::lost) host.session.reset();
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
