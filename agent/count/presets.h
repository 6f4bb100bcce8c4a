#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/agent_config.h"

namespace serin::count {

/// A ready-made rule set, named by one word in a source's `preset`.
struct Preset {
  std::string_view name;
  std::string_view about;  ///< what it is for, in a few words
  std::vector<agent::RuleSettings> rules;
  bool requests = false;  ///< an access log
  bool multiline = true;  ///< its events may go on in further lines
};

/// All of them, by name. A change of a rule here changes what hosts count: their rules' hash tells.
const std::vector<Preset>& presets();
/// nullptr: there is none of that name.
const Preset* find_preset(std::string_view name);

/// What counts in a source: the preset's rules, then those of the application that are chosen.
std::vector<agent::RuleSettings> rules_of(const agent::SourceSettings& source,
                                          const agent::ApplicationSettings& application);
/// Its lines are requests.
bool counts_requests(const agent::SourceSettings& source);
/// Its events may go on in further lines.
bool is_multiline(const agent::SourceSettings& source);

}  // namespace serin::count
