#include "agent/count/rule_set.h"

#include <fmt/format.h>
#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "agent/count/json_line.h"
#include "agent/count/required_literals.h"
#include "protocol/limits.h"

namespace serin::count {
namespace {

/// Below this RE2 refuses ordinary rules.
constexpr std::int64_t kRuleMemoryMin = 64 << 10;
/// So many rules are asked for a line one by one; more at once, by the automaton of all.
constexpr int kAskedSinglyMax = 2;

RE2::Options options(std::int64_t memory_max) {
  RE2::Options options;
  options.set_encoding(RE2::Options::EncodingLatin1);
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(memory_max);
  return options;
}

bool found_in(std::string_view line, const RE2& expression) {
  return expression.Match(re2::StringPiece(line.data(), line.size()), 0, line.size(), RE2::UNANCHORED, nullptr, 0);
}

std::unique_ptr<RE2> compiled(const std::string& expression, std::int64_t memory_max) {
  return std::make_unique<RE2>(for_re2(expression), options(memory_max));
}

/// "match = 'a(?!b)', column 2: invalid perl operator: (?!"
RuleMistake mistake_of(const RE2& re2, std::string key, const std::string& expression) {
  const std::string& arg = re2.error_arg();
  const std::string_view where = arg;
  const bool looks_around = where.starts_with("(?=") || where.starts_with("(?!") || where.starts_with("(?<");
  const bool refers_back = where.size() > 1 && where[0] == '\\' && where[1] >= '1' && where[1] <= '9';
  const auto column = arg == expression ? std::string::npos : expression.find(arg);
  std::string place;
  if (column != std::string::npos && !arg.empty()) place = fmt::format(", column {}", column + 1);
  std::string remedy = "see https://github.com/google/re2/wiki/Syntax";
  if (looks_around) remedy = "RE2 has no lookaround: unless = says \"but not\"";
  if (refers_back) remedy = "RE2 has no backreferences: write out what may stand there";
  std::string wrong = fmt::format("{} = '{}'{}: {}", key, expression, place, re2.error());
  return {.key = std::move(key), .wrong = std::move(wrong), .remedy = std::move(remedy)};
}

std::optional<RuleMistake> mistake_in_expression(std::string key, const std::string& expression) {
  if (expression.size() > limits::kRuleBytesMax) {
    return RuleMistake{.key = key,
                       .wrong = fmt::format("{}: an expression of {} bytes", key, expression.size()),
                       .remedy = fmt::format("at most {}: make several rules of it", limits::kRuleBytesMax)};
  }
  const RE2 re2(expression, options(RuleSet::kMemoryMax / 4));
  if (!re2.ok()) return mistake_of(re2, std::move(key), expression);
  const auto literals = required_literals(expression);
  const auto has_newline = [](const std::string& literal) { return literal.find('\n') != std::string::npos; };
  if (literals.empty() || !std::ranges::all_of(literals, has_newline)) return std::nullopt;
  std::string wrong = fmt::format("{} = '{}' fits no line: a newline ends it", key, expression);
  return RuleMistake{.key = std::move(key), .wrong = std::move(wrong), .remedy = "$ is the end of a line"};
}

/// What of a rule's keys does not go together.
std::optional<RuleMistake> mistake_in_kind(const agent::RuleSettings& rule) {
  if (rule.json.empty()) {
    const std::string remedy = "add json = with the key that they are about";
    if (!rule.values.empty()) return RuleMistake{.key = "values", .wrong = "values without json", .remedy = remedy};
    if (rule.at_least != 0) return RuleMistake{.key = "at_least", .wrong = "at_least without json", .remedy = remedy};
    if (!rule.message.empty()) return RuleMistake{.key = "message", .wrong = "message without json", .remedy = remedy};
  } else if (!rule.match.empty() || !rule.must.empty() || rule.severity) {
    return RuleMistake{.key = "json",
                       .wrong = "json beside match, must or syslog",
                       .remedy = "a rule of its own for each; unless goes with both"};
  } else if (rule.values.empty() == (rule.at_least == 0)) {
    return RuleMistake{.key = "json",
                       .wrong = "json needs one of values and at_least",
                       .remedy = R"(such as values = ["error", "fatal"], or at_least = 50)"};
  }
  if (!rule.must.empty() && rule.must.size() < kLiteralBytesMin) {
    return RuleMistake{.key = "must",
                       .wrong = fmt::format("must = '{}' is in too many lines", rule.must),
                       .remedy = fmt::format("at least {} bytes", kLiteralBytesMin)};
  }
  return std::nullopt;
}

/// <PRI>: how grave a line says it is.
std::optional<unsigned> severity_of(std::string_view line) {
  constexpr unsigned kPriorityMax = 191;
  if (!line.starts_with('<')) return std::nullopt;
  unsigned priority = 0;
  for (std::size_t i = 1; i < line.size() && i <= 4; ++i) {
    if (line[i] == '>') return i > 1 && priority <= kPriorityMax ? std::optional(priority & 7U) : std::nullopt;
    if (line[i] < '0' || line[i] > '9') return std::nullopt;
    priority = 10 * priority + static_cast<unsigned>(line[i] - '0');
  }
  return std::nullopt;
}

struct Rule {
  std::unique_ptr<RE2> match;
  std::unique_ptr<RE2> unless;
  std::string must;
  std::optional<unsigned> severity;
};

struct JsonRule {
  std::size_t key = 0;  ///< among Parts::json_keys
  std::optional<std::size_t> message;
  std::vector<std::string> values;
  std::int64_t at_least = 0;

  [[nodiscard]] bool fits(const JsonValue& value) const {
    if (value.kind == JsonValue::Kind::none || value.kind == JsonValue::Kind::nested) return false;
    if (at_least != 0) {
      const auto number = json_number(value);
      return number && *number >= static_cast<double>(at_least);
    }
    const bool escaped = value.raw.find('\\') != std::string_view::npos;
    const std::string plain = escaped ? json_text(value.raw, value.raw.size()) : std::string();
    const std::string_view text = escaped ? plain : value.raw;
    return std::ranges::any_of(values, [&](const auto& one) { return equals_caseless(one, text); });
  }
};

RuleBits bit(std::size_t rule) {
  return RuleBits{1} << rule;
}

}  // namespace

std::string for_re2(const std::string& expression) {
  bool high = false;
  for (std::size_t i = 0; i < expression.size(); ++i) {
    const char next = i + 1 < expression.size() ? expression[i + 1] : '\0';
    const bool is_number = expression[i] == '\\' && (next == 'x' || (next >= '0' && next <= '9'));
    high = high || is_number || static_cast<unsigned char>(expression[i]) >= 0x80;
  }
  return (high ? "()" : "") + expression;
}

struct RuleSet::Parts {
  std::vector<Rule> rules;
  std::vector<std::optional<JsonRule>> json;  ///< by rule
  std::vector<std::string> json_keys;
  RuleBits json_rules = 0;
  RuleBits every_line = 0, slow = 0;
  std::vector<RuleLiteral> literals;
  /// All of `match` in one automaton, by rule. None when RE2 takes each rule but not all in one: then each is asked.
  std::unique_ptr<RE2::Set> all;
  std::vector<std::size_t> rule_of_set;
  // Of the last look.
  std::vector<JsonValue> found;
  std::vector<int> matching;
  std::string message;

  void add(const agent::RuleSettings& settings, std::int64_t share);
  void add_literals(const agent::RuleSettings& settings, std::size_t index);
  std::size_t key_place(const std::string& key);
  RuleBits fitting(std::string_view line, RuleBits of);
  RuleBits by_automaton(std::string_view line, RuleBits of);
  [[nodiscard]] bool fits(std::string_view line, const Rule& rule, bool match_known) const;
  bool look_at_json(std::string_view line, LineVerdict& verdict);
};

std::optional<RuleMistake> mistake_in(const agent::RuleSettings& rule) {
  auto mistake = mistake_in_kind(rule);
  if (!mistake) mistake = mistake_in_expression("match", rule.match);
  if (!mistake) mistake = mistake_in_expression("unless", rule.unless);
  if (mistake) mistake->wrong = fmt::format("rule {}: {}", rule.name, mistake->wrong);
  return mistake;
}

std::optional<RuleMistake> mistake_in_record_start(const std::string& expression) {
  return mistake_in_expression("record_start", expression);
}

RuleSet::RuleSet(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
RuleSet::RuleSet(RuleSet&&) noexcept = default;
RuleSet& RuleSet::operator=(RuleSet&&) noexcept = default;
RuleSet::~RuleSet() = default;

Result<RuleSet> RuleSet::compile(const std::vector<agent::RuleSettings>& rules, std::int64_t memory_max) {
  if (rules.size() > limits::kRulesPerSourceMax) {
    return failure(ErrorKind::invalid,
                   fmt::format("{} rules for one source (at most {})", rules.size(), limits::kRulesPerSourceMax));
  }
  auto parts = std::make_unique<Parts>();
  const auto expressions = std::max<std::int64_t>(1, 2 * static_cast<std::int64_t>(rules.size()));
  // Half for the automaton of all, the rest for each.
  const auto share = std::max(kRuleMemoryMin, memory_max / 2 / expressions);
  parts->all = std::make_unique<RE2::Set>(options(memory_max / 2), RE2::UNANCHORED);
  for (const auto& rule : rules) {
    if (const auto mistake = mistake_in(rule)) {
      return failure(ErrorKind::invalid, mistake->wrong);
    }
    parts->add(rule, share);
    const auto& made = parts->rules.back();
    // Good alone, and too large beside so many others.
    if ((made.match && !made.match->ok()) || (made.unless && !made.unless->ok())) {
      return failure(ErrorKind::invalid, fmt::format("rule {}: too large beside {} others (simplify it, or name fewer "
                                                     "rules for its source)",
                                                     rule.name, rules.size() - 1));
    }
  }
  if (!parts->all->Compile()) parts->all.reset();
  parts->found.resize(parts->json_keys.size());
  return RuleSet(std::move(parts));
}

std::size_t RuleSet::Parts::key_place(const std::string& key) {
  const auto place = std::ranges::find(json_keys, key);
  const auto index = static_cast<std::size_t>(place - json_keys.begin());
  if (place == json_keys.end()) json_keys.push_back(key);
  return index;
}

void RuleSet::Parts::add(const agent::RuleSettings& settings, std::int64_t share) {
  const auto index = rules.size();
  Rule& rule = rules.emplace_back();
  rule.must = settings.must;
  rule.severity = settings.severity;
  if (!settings.match.empty()) {
    rule.match = compiled(settings.match, share);
    if (all->Add(for_re2(settings.match), nullptr) >= 0) rule_of_set.push_back(index);
  }
  if (!settings.unless.empty()) rule.unless = compiled(settings.unless, share);
  json.emplace_back();
  if (settings.json.empty()) {
    add_literals(settings, index);
    return;
  }
  json_rules |= bit(index);
  every_line |= bit(index);
  JsonRule& made = json.back().emplace();
  made.key = key_place(settings.json);
  if (!settings.message.empty()) made.message = key_place(settings.message);
  made.values = settings.values;
  made.at_least = settings.at_least;
}

void RuleSet::Parts::add_literals(const agent::RuleSettings& settings, std::size_t index) {
  const auto required = settings.must.empty() ? required_literals(settings.match) : std::vector{settings.must};
  for (const auto& text : required) {
    const auto known = std::ranges::find(literals, text, &RuleLiteral::text);
    if (known == literals.end()) {
      literals.push_back({.text = text, .rules = bit(index)});
    } else {
      known->rules |= bit(index);
    }
  }
  if (!required.empty()) return;
  every_line |= bit(index);
  if (!settings.severity) slow |= bit(index);
}

bool RuleSet::Parts::fits(std::string_view line, const Rule& rule, bool match_known) const {
  if (rule.severity) {
    const auto severity = severity_of(line);
    if (!severity || *severity > *rule.severity) return false;
  }
  if (!rule.must.empty() && line.find(rule.must) == std::string_view::npos) return false;
  if (!match_known && rule.match && !found_in(line, *rule.match)) return false;
  return !(rule.unless && found_in(line, *rule.unless));
}

/// Of these rules the ones whose `match` the line fits, and those that have none.
RuleBits RuleSet::Parts::by_automaton(std::string_view line, RuleBits of) {
  RuleBits hit = 0;
  for (const int index : matching) hit |= bit(rule_of_set[static_cast<std::size_t>(index)]);
  RuleBits fit = 0;
  for (RuleBits rest = of; rest != 0; rest &= rest - 1) {
    const auto index = static_cast<std::size_t>(std::countr_zero(rest));
    const bool has_match = rules[index].match != nullptr;
    if ((!has_match || (hit & bit(index)) != 0) && fits(line, rules[index], true)) fit |= bit(index);
  }
  return fit;
}

RuleBits RuleSet::Parts::fitting(std::string_view line, RuleBits of) {
  if (all && std::popcount(of) > kAskedSinglyMax) {
    RE2::Set::ErrorInfo why{};
    matching.clear();
    all->Match(re2::StringPiece(line.data(), line.size()), &matching, &why);
    // "Not found" for want of memory says nothing: each rule is asked, which always has an answer.
    if (why.kind == RE2::Set::kNoError) return by_automaton(line, of);
  }
  RuleBits fit = 0;
  for (RuleBits rest = of; rest != 0; rest &= rest - 1) {
    const auto index = static_cast<std::size_t>(std::countr_zero(rest));
    if (fits(line, rules[index], false)) fit |= bit(index);
  }
  return fit;
}

bool RuleSet::Parts::look_at_json(std::string_view line, LineVerdict& verdict) {
  if (!find_json_members(line, json_keys, found)) return false;
  for (std::size_t index = 0; index < json.size(); ++index) {
    const auto& rule = json[index];
    if (!rule || !rule->fits(found[rule->key])) continue;
    if (rules[index].unless && found_in(line, *rules[index].unless)) continue;
    if (verdict.rules == 0 && rule->message && found[*rule->message].kind == JsonValue::Kind::text) {
      message = json_text(found[*rule->message].raw, limits::kEventBytesKept);
      verdict.message = message;
    }
    verdict.rules |= bit(index);
  }
  return true;
}

LineVerdict RuleSet::look(std::string_view line, RuleBits of) const {
  LineVerdict verdict{.message = line};
  if (parts_->json_rules != 0) {
    verdict.json = parts_->look_at_json(line, verdict);
    if (verdict.json) return verdict;
    verdict.unparsed = line.find_first_not_of(" \t") != std::string_view::npos;
  }
  const auto asked = (of | parts_->every_line) & ~parts_->json_rules;
  if (asked != 0) verdict.rules = parts_->fitting(line, asked);
  return verdict;
}

RuleBits RuleSet::every_line() const {
  return parts_->every_line;
}
RuleBits RuleSet::slow() const {
  return parts_->slow;
}
const std::vector<RuleLiteral>& RuleSet::literals() const {
  return parts_->literals;
}

}  // namespace serin::count
