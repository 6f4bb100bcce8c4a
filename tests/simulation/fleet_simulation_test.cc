#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/simulation/simulated_fleet.h"
#include "tests/simulation/story.h"

namespace serin::simulation {
namespace {

constexpr std::uint64_t kSeedsPerTest = 20;
class Stories : public testing::TestWithParam<std::uint64_t> {};
TEST_P(Stories, keep_every_promise) {
  for (std::uint64_t seed = GetParam() * kSeedsPerTest; seed < (GetParam() + 1) * kSeedsPerTest; ++seed) {
    const std::string trouble = tell_story(seed);
    if (!trouble.empty()) ADD_FAILURE() << "seed " << seed << ": " << trouble;
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, Stories, testing::Range<std::uint64_t>(0, 16));

}  // namespace
}  // namespace serin::simulation
