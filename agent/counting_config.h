#pragma once

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

std::vector<std::string_view> source_keys();
std::vector<std::string_view> rule_keys();

}  // namespace serin::agent
