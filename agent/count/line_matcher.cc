#include "agent/count/line_matcher.h"

#include <fmt/format.h>
#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

namespace serin::count {
namespace {

/// For the programs and automata of one application's rules: half for the automaton of all, the rest for each.
constexpr std::int64_t kMemoryMax = 4 << 20;
/// Below this RE2 refuses ordinary rules.
constexpr std::int64_t kRuleMemoryMin = 64 << 10;

RE2::Options options(std::int64_t memory_max) {
  RE2::Options options;
  options.set_encoding(RE2::Options::EncodingLatin1);
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(memory_max);
  return options;
}

struct Rule {
  std::unique_ptr<RE2> match;
  std::unique_ptr<RE2> unless;
};

Result<std::unique_ptr<RE2>> compiled(const agent::RuleSettings& rule, const char* key, const std::string& expression,
                                      std::int64_t memory_max) {
  auto re2 = std::make_unique<RE2>(expression, options(memory_max));
  if (re2->ok()) return re2;
  const std::string_view where = re2->error_arg();
  const bool looks_around = where.starts_with("(?=") || where.starts_with("(?!") || where.starts_with("(?<");
  const bool refers_back = where.size() > 1 && where[0] == '\\' && where[1] >= '1' && where[1] <= '9';
  return failure(ErrorKind::invalid, fmt::format("rule {}: {} = '{}': {}{}", rule.name, key, expression, re2->error(),
                                                 looks_around  ? " (RE2 has no lookaround; unless = says \"but not\")"
                                                 : refers_back ? " (RE2 has no backreferences)"
                                                               : ""));
}

bool found_in(std::string_view line, const RE2& expression) {
  return expression.Match(re2::StringPiece(line.data(), line.size()), 0, line.size(), RE2::UNANCHORED, nullptr, 0);
}

}  // namespace

struct LineMatcher::Parts {
  std::vector<Rule> rules;
  /// All of `match` in one automaton. None when RE2 takes each rule but not all of them in one: then each is asked.
  std::unique_ptr<RE2::Set> any;
  bool any_decides = false;  ///< no rule has an `unless`
};

LineMatcher::LineMatcher(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
LineMatcher::LineMatcher(LineMatcher&&) noexcept = default;
LineMatcher& LineMatcher::operator=(LineMatcher&&) noexcept = default;
LineMatcher::~LineMatcher() = default;

Result<LineMatcher> LineMatcher::compile(const std::vector<agent::RuleSettings>& rules) {
  auto parts = std::make_unique<Parts>();
  parts->any_decides = true;
  const auto expressions = std::max<std::int64_t>(1, 2 * static_cast<std::int64_t>(rules.size()));
  const auto share = std::max(kRuleMemoryMin, kMemoryMax / 2 / expressions);
  parts->any = std::make_unique<RE2::Set>(options(kMemoryMax / 2), RE2::UNANCHORED);
  for (const auto& rule : rules) {
    auto match = compiled(rule, "match", rule.match, share);
    if (!match) return std::unexpected(match.error());
    Rule& made = parts->rules.emplace_back();
    made.match = std::move(*match);
    if (!rule.unless.empty()) {
      auto unless = compiled(rule, "unless", rule.unless, share);
      if (!unless) return std::unexpected(unless.error());
      made.unless = std::move(*unless);
      parts->any_decides = false;
    }
    if (parts->any->Add(rule.match, nullptr) < 0) {
      return failure(ErrorKind::invalid, fmt::format("rule {}: match = '{}': RE2 refuses it", rule.name, rule.match));
    }
  }
  if (!parts->any->Compile()) parts->any.reset();
  return LineMatcher(std::move(parts));
}

bool LineMatcher::is_error(std::string_view line) const {
  if (parts_->any) {
    RE2::Set::ErrorInfo why{};
    const bool found = parts_->any->Match(re2::StringPiece(line.data(), line.size()), nullptr, &why);
    if (found && parts_->any_decides) return true;
    // "Not found" for want of memory says nothing: each rule is asked, which always has an answer.
    if (!found && why.kind == RE2::Set::kNoError) return false;
  }
  return std::ranges::any_of(parts_->rules, [&](const Rule& rule) {
    return found_in(line, *rule.match) && !(rule.unless && found_in(line, *rule.unless));
  });
}

}  // namespace serin::count
