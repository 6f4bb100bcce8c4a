// Hundreds of seeded stories. SERIN_SEEDS=17 or SERIN_SEEDS=1000-4999 has the first of these tests tell those instead.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "tests/simulation/story.h"

namespace serin::simulation {
namespace {

constexpr std::uint64_t kSeedsPerTest = 25;

struct Seeds {
  std::uint64_t first = 0, last = 0;
};

Seeds seeds_of(std::uint64_t test) {
  const char* asked = std::getenv("SERIN_SEEDS");
  if (asked == nullptr || test != 0) return {test * kSeedsPerTest, (test + 1) * kSeedsPerTest - 1};
  const std::string text = asked;
  const auto dash = text.find('-');
  const std::uint64_t first = std::stoull(text);
  return {first, dash == std::string::npos ? first : std::stoull(text.substr(dash + 1))};
}

class Stories : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Stories, keep_every_promise) {
  const Seeds seeds = seeds_of(GetParam());
  for (std::uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    const std::string trouble = tell_story(seed);
    if (!trouble.empty()) ADD_FAILURE() << "seed " << seed << ": " << trouble;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Stories, testing::Range<std::uint64_t>(0, 16));

}  // namespace
}  // namespace serin::simulation
