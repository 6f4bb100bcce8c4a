#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/agent_config.h"
#include "protocol/settings_reader.h"

/// The tables of agent.toml that say what is counted: [[application.NAME.source]] and [[application.NAME.rule]]. Every
/// rule is compiled; mistakes go to the Setting's list. Pure; single-threaded.
namespace serin::agent {

/// The rules first: sources name them.
void read_rules(const settings::Setting& setting, ApplicationSettings& to);
void read_sources(const settings::Setting& setting, ApplicationSettings& to);

/// After both: that sources and rules fit together. `table` is the application's.
void check_counting(const settings::Setting& table, const ApplicationSettings& application);

/// What `serin-agent count` counts by: agent.toml, or a file that is about one log only, with a source's keys at the
/// top (but no path) and its rules as [[rule]]. The latter becomes one application with one source that has no path.
Result<AgentSettings> parse_rules_file(std::string_view toml, const std::string& file);

std::vector<std::string_view> source_keys();
std::vector<std::string_view> rule_keys();

}  // namespace serin::agent
