#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/count/error_counter.h"
#include "agent/count/file_position.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/messages.h"

namespace serin::count {

/// What is known of one application: how far its files are read and what was counted in them are one state.
struct ApplicationCheckpoint {
  ApplicationName application;
  std::string rules_hash;
  CounterState counts;                ///< the seconds that are not acknowledged, and all totals
  RunTotals acknowledged;             ///< totals that the controller is known to have
  std::vector<SignatureText> untold;  ///< what its messages say, as far as the controller may lack it
  FollowerState logs;
  friend bool operator==(const ApplicationCheckpoint&, const ApplicationCheckpoint&) = default;
};

/// Written down before each report leaves. Another process that begins from it counts each line once: what was read
/// after it was never reported.
struct Checkpoint {
  std::string run;
  std::uint64_t sequence = 0;  ///< of the newest report
  std::string boot_id;
  std::int64_t clock_ms = 0;
  std::int64_t wall_ms = 0;
  bool at_stop = false;  ///< the last one of its process
  std::vector<ApplicationCheckpoint> applications;
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

/// One msgpack map by field names, with "version" 1. Specified in README.md.
std::string encode_checkpoint(const Checkpoint& checkpoint);
/// `invalid`: not one of these; `unsupported`: of a newer version.
Result<Checkpoint> decode_checkpoint(std::string_view bytes);

/// Something was read, counted or acknowledged in between: the newer one has to be written down. That time has passed
/// is no such thing.
bool differs(const Checkpoint& older, const Checkpoint& newer);

/// What a process begins with.
struct Resumed {
  struct Application {
    CounterState counts;
    RunTotals acknowledged;
    std::vector<SignatureText> untold;
  };
  std::string run;             ///< goes on within one boot, else it is `new_run`
  std::uint64_t sequence = 0;  ///< no report of the run has had a greater number
  bool same_boot = true;
  std::map<ApplicationName, Application> applications;
  std::string gap;  ///< what all applications missed; empty: nothing
};

/// `rules_hashes`: of the applications that are configured; seconds that were counted by other rules are left out.
/// After a reboot totals begin at what the controller has not acknowledged: it adds the totals of all runs.
Resumed resume(const Checkpoint& from, const std::map<ApplicationName, std::string>& rules_hashes,
               const std::string& boot_id, const std::string& new_run, Now now);

}  // namespace serin::count
