#include <re2/re2.h>

#include <algorithm>
#include <memory>
#include <set>
#include <vector>

#include "agent/count/open_events.h"
#include "agent/count/prefilter.h"
#include "agent/count/rule_set.h"
#include "agent/count/source_matcher.h"
#include "protocol/limits.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace serin;
using namespace serin::count;
using agent::RuleSettings;
using agent::SourceSettings;
using fuzz::Random;

constexpr SteadyTime kNow{std::chrono::seconds{1'000}};

constexpr std::string_view kLines[] = {
    "2026/05/01 10:00:00 [error] 12#12: *7 connect() failed (111: Connection refused), client: 10.0.0.1",
    "2026/05/01 10:00:00 [error] 1#1: *7 FastCGI sent in stderr: \"PHP message: PHP Fatal error:  x in /a.php:3",
    "PHP message: PHP Fatal error:  Uncaught Exception: x",
    "Stack trace:",
    "#0 /srv/a.php(4): f()",
    "  thrown in /srv/a.php on line 3",
    "2026-05-01 10:00:00.123 [main] ERROR c.e.shop.Cart - cannot pay",
    "java.lang.IllegalStateException: no money",
    "\tat c.e.shop.Cart.pay(Cart.java:17)",
    "Caused by: java.io.IOException: ERROR gone",
    "\t... 12 more",
    "Traceback (most recent call last):",
    "  File \"/srv/shop/app.py\", line 3, in pay",
    "KeyError: 'x'",
    "During handling of the above exception, another exception occurred:",
    "",
    "May  1 10:00:00 web1 shop[12]: Traceback (most recent call last):",
    "May  1 10:00:00 web1 shop[13]:   File \"a.py\", line 1, in ERROR",
    "May  1 10:00:00 web1 shop[12]: ValueError: ERROR x",
    "<11>May  1 10:00:00 web1 cron[99]: nothing",
    "10.0.0.1 - - [01/May/2026:10:00:00 +0000] \"GET /x HTTP/1.1\" 502 5 \"-\" \"curl\"",
    "abc abd aab ABC \xc3\xa4 \xff 1234",
    "  ERROR indented",
};
constexpr std::string_view kPieces[] = {"ERROR", "error", "abc", "\r", "\n", " ", "\"", "[12]: ", "<3>", "Exception: "};
constexpr std::string_view kExpressions[] = {
    "ERROR",
    "(?i)error",
    "PHP (?:Fatal|Parse) error",
    R"(\[(?:error|crit)\])",
    R"(" 5\d\d )",
    R"(\bERROR\b)",
    "^Traceback",
    R"((?:Exception|Error)(?::|$))",
    "x$",
    "^$",
    R"([A-Z]\w+Error)",
    "a+bc",
    "(?:ab|cd)+e?c",
    "^.{10,20}$",
    "\xc3\xa4",
};

/// Texts of a few letters with everything that repeats, chooses and groups.
std::string random_expression(Random& random, int depth) {
  constexpr std::string_view kAtoms[] = {"a",     "b",     "c",     "abc",         "A",         "é", ".", "[ab]",
                                         "[^a]",  R"(\d)", R"(\.)", R"(\x61)",     R"(\Qab\E)", "^", "$", R"(\b)",
                                         "ERROR", " ",     "[a-c]", "[[:alpha:]]", "{",         "]"};
  constexpr std::string_view kRepeats[] = {"", "", "", "*", "+", "?", "{2}", "{1,3}", "{0,2}", "+?", "??", "{,2}"};
  constexpr std::string_view kGroups[] = {"(", "(?:", "(?i:", "(?P<n>", "(?s-i:"};
  std::string text;
  for (auto parts = 1 + random.below(4); parts > 0; --parts) {
    if (depth < 3 && random.one_in(3)) {
      text += std::string(random.of(kGroups)) + random_expression(random, depth + 1) + ")";
    } else {
      text += random.of(kAtoms);
    }
    text += random.of(kRepeats);
    if (random.one_in(12)) text += "(?i)";
    if (random.one_in(5)) text += "|";
  }
  return text;
}

RuleSettings random_rule(Random& random, std::size_t index) {
  RuleSettings rule{.name = fmt::format("r{}", index)};
  rule.match = random.one_in(3) ? std::string(random.of(kExpressions)) : random_expression(random, 0);
  if (random.one_in(6)) rule.unless = random_expression(random, 0);
  if (random.one_in(8)) rule.must = random.of(std::vector<std::string>{"ERROR", "abc", "Exception"});
  if (random.one_in(8)) rule.severity = static_cast<unsigned>(random.below(8));
  if (random.one_in(8)) rule.group = "g";
  return rule;
}

std::string random_text(Random& random) {
  std::string text;
  for (auto lines = random.below(30); lines > 0; --lines) {
    text += fuzz::damaged(std::string(random.of(kLines)), random, kPieces);
    if (random.one_in(300)) text += std::string(limits::kLineBytesMatched - random.below(200), 'x') + "ERROR";
    text += random.one_in(5) ? "\r\n" : "\n";
  }
  if (random.one_in(2)) text += "ERROR half a line";
  return text;
}

/// Every rule and every line, one after the other: nothing is looked up, skipped or shared.
class Reference {
 public:
  Reference(const SourceSettings& source, const std::vector<RuleSettings>& rules, bool leaves)
      : source_(source), leaves_(leaves) {
    for (const auto& rule : rules) {
      rules_.push_back({.settings = rule, .match = expression(rule.match), .unless = expression(rule.unless)});
    }
    if (!source.record_start.empty()) record_start_ = expression(source.record_start);
    found_.by_rule.resize(rules.size());
  }

  Findings count(std::string_view text) {
    while (!text.empty()) {
      const auto end = text.find('\n');
      auto line = text.substr(0, end);
      if (end != std::string_view::npos && line.ends_with('\r')) line.remove_suffix(1);
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      ++(source_.requests ? found_.requests : found_.lines);
      if (line.size() > limits::kLineBytesMatched) ++found_.long_lines;
      count_line(line.substr(0, limits::kLineBytesMatched));
    }
    return found_;
  }

 private:
  struct Rule {
    RuleSettings settings;
    std::unique_ptr<RE2> match, unless;
  };

  static std::unique_ptr<RE2> expression(const std::string& text) {
    RE2::Options options;
    options.set_encoding(RE2::Options::EncodingLatin1);
    options.set_log_errors(false);
    return std::make_unique<RE2>("()" + text, options);  // without what RE2 does for beginnings
  }
  static bool finds(std::string_view line, const RE2& expression) {
    return RE2::PartialMatch(re2::StringPiece(line.data(), line.size()), expression);
  }
  static bool fits(std::string_view line, const Rule& rule) {
    if (rule.settings.severity) {
      const auto end = line.find('>');
      if (!line.starts_with('<') || end == std::string_view::npos || end < 2 || end > 4) return false;
      const std::string digits(line.substr(1, end - 1));
      if (digits.find_first_not_of("0123456789") != std::string::npos || std::stoul(digits) > 191) return false;
      if (std::stoul(digits) % 8 > *rule.settings.severity) return false;
    }
    if (line.find(rule.settings.must) == std::string_view::npos) return false;
    return finds(line, *rule.match) && (rule.settings.unless.empty() || !finds(line, *rule.unless));
  }

  void count_line(std::string_view line) {
    const bool multiline = source_.multiline && !source_.requests;
    if (multiline && events_.take(line, record_start_.get(), {signatures_, kNow})) return;
    bool any = false, counted = false;
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      if (!fits(line, rules_[i])) continue;
      any = true;
      if (leaves_ && !rules_[i].settings.group.empty()) continue;
      counted = true;
      ++found_.by_rule[i];
    }
    if (counted) ++found_.errors;
    if (any && multiline) events_.begin(line, "rule", {signatures_, kNow});
  }

  SourceSettings source_;
  bool leaves_;
  std::vector<Rule> rules_;
  std::unique_ptr<RE2> record_start_;
  OpenEvents events_;
  SignatureTable signatures_;
  Findings found_;
};

Findings count_in_pieces(const SourceMatcher& matcher, std::string_view text, Random& random) {
  Findings found;
  SignatureTable signatures;
  TextState state;
  const auto most = random.one_in(2) ? 5 : 1 + random.below(100'000);
  while (!text.empty()) {
    const std::string piece(text.substr(0, 1 + random.below(most)));
    matcher.take(state, piece, kNow, found, signatures);
    text.remove_prefix(piece.size());
    if (!random.one_in(10)) continue;
    // As after a restart: what is pending is read again.
    const auto pending = state.pending_bytes();
    auto other = TextState::restored(state.saved());
    if (pending > 0 && pending <= piece.size()) {
      matcher.take(other, std::string_view(piece).substr(piece.size() - pending), kNow, found, signatures);
      state = std::move(other);
    } else if (pending == 0) {
      state = std::move(other);
    }
  }
  matcher.finish(state, kNow, found, signatures);
  return found;
}

void compare_ways(const std::vector<RuleSettings>& rules, std::string_view text) {
  std::vector<RuleLiteral> literals;
  literals.reserve(rules.size());
  for (std::size_t i = 0; i < rules.size(); ++i) literals.push_back({rules[i].match.substr(0, 6), RuleBits{1} << i});
  std::vector<Prefilter::Hit> expected(text.size()), hits(text.size());
  const auto scalar = Prefilter(literals, Prefilter::Way::scalar).find(text, 0, expected);
  for (const auto way : Prefilter::ways()) {
    const auto found = Prefilter(literals, way).find(text, 0, hits);
    if (found.hits != scalar.hits ||
        !std::equal(hits.begin(), hits.begin() + static_cast<std::ptrdiff_t>(found.hits), expected.begin())) {
      fuzz::fail(fmt::format("way {} finds {} hits, the scalar one {}", static_cast<int>(way), found.hits, scalar.hits),
                 text);
    }
  }
}

void one_round(Random& random) {
  agent::ApplicationSettings application;
  for (auto count = 1 + random.below(8); count > 0; --count) {
    application.rules.push_back(random_rule(random, application.rules.size()));
    if (mistake_in(application.rules.back())) application.rules.pop_back();
  }
  SourceSettings source{.requests = random.one_in(6), .multiline = !random.one_in(3)};
  if (random.one_in(6)) source.record_start = "^2026|^\\w";
  auto matcher = SourceMatcher::compile(source, application);
  if (!matcher) fuzz::fail(matcher.error().text, "");
  const bool leaves = random.one_in(3);
  EventGroups groups;
  if (leaves) {
    groups.counts("g", 1, SteadyTime{std::chrono::hours{1'000'000}});  // another has it for good
    matcher->share(groups, 0);
  }
  for (int texts = 0; texts < 4; ++texts) {
    const auto text = random_text(random);
    Findings expected = Reference(source, application.rules, leaves).count(text);
    Findings found = count_in_pieces(*matcher, text, random);
    if (text.empty()) found.by_rule = expected.by_rule;
    if (found != expected) {
      std::string rules;
      for (std::size_t i = 0; i < application.rules.size(); ++i) {
        const auto& rule = application.rules[i];
        rules += fmt::format("\n  {} instead of {}: '{}' unless '{}' must '{}'", found.by_rule[i], expected.by_rule[i],
                             rule.match, rule.unless, rule.must);
      }
      fuzz::fail(fmt::format("{} errors instead of {}, {} lines instead of {}, by rule:{}", found.errors,
                             expected.errors, found.lines, expected.lines, rules),
                 text);
    }
    compare_ways(application.rules, text);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return fuzz::fuzz(argc, argv, one_round);
}
