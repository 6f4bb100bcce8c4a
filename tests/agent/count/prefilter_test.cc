#include "agent/count/prefilter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <vector>

namespace serin::count {
namespace {

using Hits = std::vector<Prefilter::Hit>;

Hits all_hits(const Prefilter& prefilter, std::string_view text, std::size_t room = 100) {
  Hits all;
  std::vector<Prefilter::Hit> some(room);
  for (std::size_t from = 0; from < text.size();) {
    const auto found = prefilter.find(text, from, some);
    all.insert(all.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(found.hits));
    from = found.until;
    if (found.hits == 0 && found.until < text.size()) return {};  // it does not go on
  }
  return all;
}

/// The rules of which a literal is somewhere in the text.
RuleBits rules_in(const Hits& hits) {
  RuleBits rules = 0;
  for (const auto& hit : hits) rules |= hit.rules;
  return rules;
}

TEST(Prefilter, finds_every_literal_wherever_it_is) {
  const std::vector<RuleLiteral> literals = {
      {"ERROR", 1}, {"PHP Fatal error", 2}, {"\" 5", 4}, {"abc", 8}, {"ERR", 16}};
  for (const auto way : Prefilter::ways()) {
    const Prefilter prefilter(literals, way);
    for (const auto& [text, rules] : literals) {
      for (std::size_t before = 0; before < 70; ++before) {
        const auto line = std::string(before, '.') + text + std::string(before % 7, '.');
        EXPECT_EQ(rules_in(all_hits(prefilter, line)), text == "ERROR" ? rules | 16U : rules) << line;
        EXPECT_EQ(rules_in(all_hits(prefilter, line.substr(0, before + text.size() - 1))) & rules, 0U) << line;
      }
    }
  }
}

TEST(Prefilter, without_literals_finds_nothing) {
  EXPECT_TRUE(Prefilter({}).empty());
  EXPECT_TRUE(Prefilter({{"ab", 1}, {"a\nbcd", 2}}).empty());
  EXPECT_EQ(all_hits(Prefilter({}), "anything at all"), Hits{});
}

/// Bytes of a small alphabet, so that literals come about by chance; some of any kind.
std::string random_text(std::mt19937& random, std::size_t bytes) {
  constexpr std::string_view kFew = "abAB[] \n";
  std::string text;
  for (std::size_t i = 0; i < bytes; ++i) {
    text += random() % 16 == 0 ? static_cast<char>(random() % 256) : kFew[random() % kFew.size()];
  }
  return text;
}

TEST(Prefilter, every_way_gives_the_hits_of_the_scalar_one) {
  std::mt19937 random(20'260'501);
  for (int round = 0; round < 400; ++round) {
    std::vector<RuleLiteral> literals;
    const auto count = 1 + random() % (round % 10 == 0 ? 200 : 20);
    literals.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      literals.push_back({.text = random_text(random, 1 + random() % 9), .rules = RuleBits{1} << i % 64});
    }
    const auto text = random_text(random, random() % 3'000);
    const auto expected = all_hits(Prefilter(literals, Prefilter::Way::scalar), text);
    // The plainest way of all.
    RuleBits there = 0;
    for (const auto& literal : literals) {
      const bool usable = literal.text.size() >= 3 && literal.text.find('\n') == std::string::npos;
      if (usable && text.find(literal.text) != std::string::npos) there |= literal.rules;
    }
    EXPECT_EQ(rules_in(expected), there);
    for (const auto way : Prefilter::ways()) {
      EXPECT_EQ(all_hits(Prefilter(literals, way), text, 1 + random() % 50), expected);
    }
  }
}

TEST(Prefilter, every_way_counts_the_same_newlines) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const auto text = random_text(random, random() % 300);
    const auto expected = static_cast<std::size_t>(std::ranges::count(text, '\n'));
    for (const auto way : Prefilter::ways()) EXPECT_EQ(count_newlines(text, way), expected);
  }
}

}  // namespace
}  // namespace serin::count
