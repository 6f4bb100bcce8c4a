#include <fmt/format.h>

#include <set>
#include <utility>

#include "agent/agent_config.h"
#include "protocol/digest.h"

namespace serin::agent {

// A priority decides what is a line. Names and order decide nothing, so they are left out; so are the sources' paths,
// which differ from host to host.
std::string hash_of_rules(const ApplicationSettings& application) {
  std::set<std::pair<std::string, std::string>> rules;
  for (const auto& rule : application.rules) rules.emplace(rule.match, rule.unless);
  std::string text = "serin rules 1\n";
  for (const auto& [match, unless] : rules) {
    text += fmt::format("{} {} {} {}\n", match.size(), match, unless.size(), unless);
  }
  for (const auto& source : application.sources) {
    if (source.priority != kJournalPriorityAll) text += fmt::format("journal up to {}\n", source.priority);
  }
  return digest_of(text).hex().substr(0, 16);
}

}  // namespace serin::agent
