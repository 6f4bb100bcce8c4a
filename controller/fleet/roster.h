#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/clock.h"
#include "protocol/messages.h"

namespace serin::fleet {

/// A host that was accepted: stored.
struct HostRecord {
  HostName name;
  std::string public_key;  ///< 32 raw bytes
  std::vector<std::string> labels;
  std::string accepted_by;
  std::int64_t accepted_wall_ms = 0;
  friend bool operator==(const HostRecord&, const HostRecord&) = default;
};

enum class Presence : std::uint8_t { never, connected, silent, lost, conflict };
std::string_view name_of(Presence presence);

/// One live session of a host. In memory only.
struct Session {
  std::uint64_t id = 0;    ///< what Welcome gave
  std::string connection;  ///< routing id to answer to
  std::string instance, machine, boot_id, address, agent_version;
  std::string controller_key;
  std::string proxy_endpoint;         ///< "tcp://10.0.0.4:4702" where it offers to serve content; empty: it does not
  std::uint64_t sources_version = 0;  ///< of the list of proxies that it was told (content_sources.h)
  SteadyTime last_heard{};
  std::int64_t wall_offset_ms = 0;  ///< host wall clock minus ours at the newest heartbeat
};

/// An agent process that used the host's key.
struct Claim {
  std::string machine, instance, address;
  SteadyTime at{};        ///< it was last heard
  bool replaced = false;  ///< a newer process of the same machine has taken over
};

struct Host {
  HostRecord record;
  Presence presence = Presence::never;
  std::optional<Session> session;
  std::optional<SteadyTime> last_heard;
  std::vector<Claim> claims;  ///< the newest ones, the present session's among them
  std::string conflict;       ///< "two machines use its key, at 10.0.0.4 and 10.0.0.9: ..."; empty: none
  std::map<ApplicationName, ApplicationStatus> applications;
};

/// An agent that is refused a session dials again within this time.
inline constexpr auto kConflictQuiet = std::chrono::minutes{2};

/// Host wall clock minus ours; what a host says may be any number.
std::int64_t wall_offset_ms(std::int64_t host_wall_ms, Now now);

/// Who is there. Pure: the caller gives time and stores HostRecords. Single-threaded.
///
/// A host is `connected` while it was heard within three heartbeats, `silent` after, `lost` when its lease ran out. A
/// second machine (another `machine` hash) that says hello while the first one's lease runs puts the host in conflict:
/// there is no session and no work for either, until all but one have been quiet for kConflictQuiet; the last one never
/// wins by itself. The same machine with a new instance replaces its own session at once (a restarted agent); when the
/// replaced one says hello after that, two agents run on that machine, which is a conflict too.
class Roster {
 public:
  Roster(Duration heartbeat, Duration lease) : heartbeat_(heartbeat), lease_(lease) {}

  /// `refused` when the name is taken by another key or the key by another name.
  Result<void> accept(const HostRecord& record);
  /// Gives the record that was there; nothing for an unknown name.
  std::optional<HostRecord> revoke(const HostName& name);

  struct HelloOutcome {
    bool welcome = false;
    std::uint64_t session = 0;
    std::string refusal;  ///< why not
  };
  /// `session_id` is the id that a welcomed session gets.
  HelloOutcome hello(const HostName& name, const Hello& hello, const std::string& connection,
                     const std::string& address, std::uint64_t session_id, Now now);
  /// True when the session is the host's present one; then the lease is renewed.
  bool heard(const HostName& name, std::uint64_t session, const std::string& connection, Now now);
  /// Replaces what the host says of its applications and of its wall clock (minus ours).
  void update(const HostName& name, const std::vector<ApplicationStatus>& applications, std::int64_t wall_offset_ms);
  void told_sources(const HostName& name, std::uint64_t version);
  /// One application of it (an outcome).
  ApplicationStatus* application(const HostName& name, const ApplicationName& application);

  /// Moves presence by time; the hosts whose presence changed.
  std::vector<HostName> tick(Now now);

  [[nodiscard]] const std::map<HostName, Host>& hosts() const { return hosts_; }
  [[nodiscard]] const Host* find(const HostName& name) const;
  [[nodiscard]] const Host* find_key(const std::string& public_key) const;

 private:
  void drop_old_claims(Host& host, Now now) const;
  [[nodiscard]] Presence presence_at(const Host& host, Now now) const;
  Claim& claim_of(Host& host, const Hello& hello) const;
  static std::string conflict_text(const Host& host, const Claim& mine);

  Duration heartbeat_, lease_;
  std::map<HostName, Host> hosts_;
};

}  // namespace serin::fleet
