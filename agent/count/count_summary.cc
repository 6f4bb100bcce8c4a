#include "agent/count/count_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "protocol/text.h"

namespace serin::count {
namespace {

constexpr std::size_t kTextBytesShown = 160;

std::string counted(std::uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace

void CountSummary::add(const SourceMatcher& matcher, const Findings& found, SignatureTable& signatures) {
  sums_.lines += found.lines;
  sums_.requests += found.requests;
  sums_.errors += found.errors;
  sums_.long_lines += found.long_lines;
  sums_.unparsed += found.unparsed;
  const auto& names = matcher.rule_names();
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto rule = std::ranges::find(by_rule_, names[i], &std::pair<std::string, std::uint64_t>::first);
    if (rule == by_rule_.end()) rule = by_rule_.insert(by_rule_.end(), {names[i], 0});
    if (i < found.by_rule.size()) rule->second += found.by_rule[i];
  }
  for (const auto& [id, count] : signatures.take()) {
    const auto known = messages_.find(id);
    if (known != messages_.end()) {
      known->second.events += count;
    } else if (const auto* about = signatures.find(id); about != nullptr && messages_.size() < kMessagesMax) {
      messages_[id] = {.id = id, .rule = about->rule, .text = about->text, .events = count};
    }
  }
}

std::vector<CountSummary::Message> CountSummary::most_frequent(std::size_t top) const {
  std::vector<Message> all;
  all.reserve(messages_.size());
  for (const auto& [id, message] : messages_) all.push_back(message);
  std::ranges::sort(all, [](const Message& left, const Message& right) {
    return left.events != right.events ? left.events > right.events : left.id < right.id;
  });
  if (all.size() > top) all.resize(top);
  return all;
}

std::string CountSummary::text(std::size_t top) const {
  std::string text;
  if (sums_.lines > 0 || sums_.requests == 0) text += counted(sums_.lines, "line") + ", ";
  if (sums_.requests > 0) text += counted(sums_.requests, "request") + ", ";
  text += counted(sums_.errors, "error");
  if (sums_.long_lines > 0) text += fmt::format(", {} longer than what is matched", counted(sums_.long_lines, "line"));
  if (sums_.unparsed > 0) text += fmt::format(", {} that should have been JSON", counted(sums_.unparsed, "line"));
  text += '\n';
  for (const auto& [name, events] : by_rule_) text += fmt::format("{:>10}  {}\n", events, name);
  const auto messages = most_frequent(top);
  if (!messages.empty()) text += messages.size() < messages_.size() ? "most frequent messages:\n" : "messages:\n";
  for (const auto& message : messages) {
    text += fmt::format("{:>10}  {}  {}\n", message.events, message.rule, printable(message.text, kTextBytesShown));
  }
  return text;
}

std::string CountSummary::json(std::size_t top) const {
  nlohmann::ordered_json rules = nlohmann::ordered_json::object();
  for (const auto& [name, events] : by_rule_) rules[name] = events;
  nlohmann::ordered_json messages = nlohmann::ordered_json::array();
  for (const auto& message : most_frequent(top)) {
    messages.push_back({{"rule", message.rule},
                        {"text", message.text},
                        {"id", fmt::format("{:016x}", message.id)},
                        {"events", message.events}});
  }
  const nlohmann::ordered_json all = {{"lines", sums_.lines},       {"requests", sums_.requests},
                                      {"errors", sums_.errors},     {"long_lines", sums_.long_lines},
                                      {"unparsed", sums_.unparsed}, {"rules", rules},
                                      {"messages", messages}};
  return all.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace serin::count
