#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/messages.h"

namespace serin::agent {

/// [[application.NAME.rule]]: what counts as an error. A line that fits several rules is one error. What is given of
/// `match`, `must` and `syslog` must all hold; `json` stands alone with `values` or `at_least`.
struct RuleSettings {
  std::string name;
  std::string match;                 ///< RE2 syntax, matched anywhere in the line, bytes as Latin-1; empty: none
  std::string unless;                ///< a line that fits this too is no error; empty: none
  std::string must;                  ///< the line holds these bytes too; empty: none
  std::string json;                  ///< a key of the outermost object of a line that is JSON; empty: none
  std::vector<std::string> values;   ///< its value is one of these, whatever the case
  std::int64_t at_least = 0;         ///< or a number, or a text of digits, from here on; 0: none
  std::string message;               ///< the key whose text is the message; empty: the whole line
  std::optional<unsigned> severity;  ///< `syslog`: the line begins with <PRI>, at least as grave: 0 emerg to 7 debug
  std::string group;                 ///< rules of one group find the same events in several sources; empty: none
  friend bool operator==(const RuleSettings&, const RuleSettings&) = default;
};

/// What may be told of a message.
enum class Samples : std::uint8_t {
  normalised,  ///< without numbers, addresses, quoted text and paths
  raw,         ///< as it is logged
  off,         ///< only its id
};

inline constexpr int kJournalPriorityAll = 7;

/// [[application.NAME.source]]: a log file, or the journal's entries of some units, that tells how this application
/// fares.
struct SourceSettings {
  std::string path;                    ///< absolute; empty: the journal
  std::vector<std::string> journal;    ///< whole names of units; empty: a file
  int priority = kJournalPriorityAll;  ///< 0 emerg to 7 debug: what is less urgent is not read; 7: all is, also without
  std::string journal_dir;             ///< a folder of journal files; empty: this host's journal
  std::string preset;                  ///< a ready-made rule set, see count/presets.h; empty: none
  std::vector<std::string> rules;      ///< which of the application's count here; empty: all, with a preset none
  bool requests = false;               ///< an access log: its lines are requests
  bool multiline = true;               ///< an event may go on in further lines
  std::string record_start;            ///< RE2: what a line holds that begins a record; empty: told by its shape
  Samples samples = Samples::normalised;
  friend bool operator==(const SourceSettings&, const SourceSettings&) = default;
};

/// A command that the host runs: argv, never a shell's line.
struct HookSettings {
  std::vector<std::string> argv;  ///< empty: nothing to run
  Duration timeout = std::chrono::seconds{30};
  friend bool operator==(const HookSettings&, const HookSettings&) = default;
};

/// What the application writes: it lives outside of the slots, and each of them has a link to it.
struct KeptPath {
  std::string path;     ///< in the tree, relative
  bool folder = false;  ///< written with a '/' at its end: made as an empty folder when it is not there
  friend bool operator==(const KeptPath&, const KeptPath&) = default;
};

/// How trees share the files that do not change from one to the next.
enum class Share : std::uint8_t {
  automatic,  ///< reflinks where the filesystem has them, else hard links; a copy where both fail
  reflink,    ///< reflinks; a copy where they fail
  hardlink,   ///< hard links; a copy where they fail
  copy,       ///< not at all
};

/// What becomes of files in a real folder at the live path that the first release does not have.
enum class Adopt : std::uint8_t {
  refuse,     ///< the first release does not go live
  set_aside,  ///< they stay in the adopted folder, beside the live path
};

/// [application.NAME]
struct ApplicationSettings {
  ApplicationName name;
  std::string live;                               ///< the live path: a symlink that Serin makes and switches; absolute
  std::string slots_dir;                          ///< default: the live path with ".slots" after it
  std::uint32_t slots = 3;                        ///< full trees kept
  Duration idle_grace = std::chrono::minutes{5};  ///< a slot that was live is not touched for this long
  std::vector<KeptPath> keep;                     ///< none twice, none within another
  std::string keep_dir;                           ///< default: the live path with ".kept" after it
  Share share = Share::automatic;
  Adopt adopt = Adopt::refuse;
  HookSettings reload;  ///< loads what is live; run after every switch, also when going back
  HookSettings check;   ///< must succeed after the reload; empty: none
  std::vector<SourceSettings> sources;
  std::vector<RuleSettings> rules;
  friend bool operator==(const ApplicationSettings&, const ApplicationSettings&) = default;
};

/// proxy_port and others: this host serves content to its neighbours.
struct ProxySettings {
  std::uint16_t port = 0;                     ///< 0: it does not
  std::string listen = "*";                   ///< for all, or an address or a network interface of this machine
  std::string address;                        ///< where neighbours reach it; empty: where the controller sees it
  std::uint64_t cache_bytes = 4'000'000'000;  ///< of the controller's content that it keeps
  std::uint64_t bytes_per_s = 0;              ///< fetched of it at most, whoever wants it and however soon; 0: no bound
  friend bool operator==(const ProxySettings&, const ProxySettings&) = default;
};

/// agent.toml
struct AgentSettings {
  std::string state_dir = "/var/lib/serin-agent";
  std::string controller;                    ///< "tcp://deploy1.example.org:4700"
  std::vector<std::string> controller_keys;  ///< pinned CURVE keys, 32 raw bytes each; redials alternate
  std::vector<std::string> release_keys;     ///< Ed25519 keys that may sign releases, 32 raw bytes each
  std::uint64_t prefetch_rate = 20'000'000;  ///< bytes per second while the release is not urgent yet; 0: no bound
  std::string log_level = "info";
  std::uint64_t verify_bytes_per_s = 50'000'000;  ///< read at most while an operator's verify looks at a tree
  std::uint64_t scrub_bytes_per_s = 2'000'000;    ///< likewise in the background; 0: no scrubbing
  Duration scrub_every = std::chrono::hours{24};  ///< a round of each live tree begins
  ProxySettings proxy;
  std::map<ApplicationName, ApplicationSettings> applications;
  friend bool operator==(const AgentSettings&, const AgentSettings&) = default;
};

/// Reads TOML. Errors name `file`, the line, the key, what is wrong and what would be right; all of them, one per line.
/// Rules are compiled here: one that RE2 cannot take is refused with its name, the column and RE2's reason.
Result<AgentSettings> parse_agent_settings(std::string_view toml, const std::string& file);

/// Every key that is read, such as "state_dir" and "application.NAME.rule[].match".
std::vector<std::string> known_agent_keys();

/// Hash of everything that decides what counts as an error for one application: hosts are compared only when equal.
std::string hash_of_rules(const ApplicationSettings& application);

}  // namespace serin::agent
