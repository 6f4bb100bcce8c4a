#include <fmt/format.h>

#include <set>
#include <string>

#include "agent/agent_config.h"
#include "agent/count/presets.h"
#include "agent/count/signature_table.h"
#include "protocol/digest.h"

namespace serin::agent {
namespace {

/// Each with its length in front, so that no two lists of texts look alike.
void append(std::string& to, std::string_view text) {
  to += fmt::format("{} {}\n", text.size(), text);
}

std::string text_of(const RuleSettings& rule) {
  std::string text;
  for (const auto& part : {rule.match, rule.unless, rule.must, rule.json, rule.message, rule.group}) append(text, part);
  std::set<std::string> values(rule.values.begin(), rule.values.end());
  for (const auto& value : values) append(text, value);
  append(text, fmt::format("{} {}", rule.at_least, rule.severity ? static_cast<int>(*rule.severity) : -1));
  return text;
}

std::string text_of(const SourceSettings& source, const ApplicationSettings& application) {
  std::set<std::string> rules;
  for (const auto& rule : count::rules_of(source, application)) rules.insert(text_of(rule));
  std::string text =
      fmt::format("requests {} multiline {}\n", count::counts_requests(source), count::is_multiline(source));
  append(text, source.record_start);
  // A priority decides what is a line.
  if (source.priority != kJournalPriorityAll) append(text, fmt::format("journal up to {}", source.priority));
  for (const auto& rule : rules) append(text, rule);
  return text;
}

}  // namespace

// Names and order decide nothing, so they are left out; so are the sources' paths, which differ from host to host, and
// what of a message is told.
std::string hash_of_rules(const ApplicationSettings& application) {
  std::set<std::string> sources;
  for (const auto& source : application.sources) sources.insert(text_of(source, application));
  std::string text = fmt::format("serin rules 2, signatures {}\n", count::kSignatureVersion);
  for (const auto& source : sources) append(text, source);
  return digest_of(text).hex().substr(0, 16);
}

}  // namespace serin::agent
