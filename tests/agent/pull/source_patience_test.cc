#include "agent/pull/source_patience.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace serin::pull {
namespace {

using namespace std::chrono_literals;
const SteadyTime kNow{1h};

std::string trouble(SourcePatience& patience, SteadyTime now, bool owes = true, std::uint64_t bytes = 0,
                    std::uint64_t left = 0) {
  const auto found = patience.check(now, owes, bytes, left);
  return found ? found->text : "";
}

TEST(SourcePatience, a_silent_source_is_borne_with_for_seconds) {
  SourcePatience patience(SourcePatience::kOfProxy, kNow);
  EXPECT_EQ(trouble(patience, kNow + 3s), "");
  EXPECT_EQ(trouble(patience, kNow + 3s + 1ms), "did not answer for 3 s");
  patience.heard(kNow + 4s);
  EXPECT_EQ(trouble(patience, kNow + 5s), "");
}

TEST(SourcePatience, a_source_that_is_always_busy_is_done_without) {
  SourcePatience patience(SourcePatience::kOfProxy, kNow);
  for (SteadyTime now = kNow; now <= kNow + 60s; now += 100ms) {
    patience.heard(now);
    patience.is_left_alone(now);
    ASSERT_EQ(trouble(patience, now, false), "");
  }
  patience.is_left_alone(kNow + 61s);
  EXPECT_EQ(trouble(patience, kNow + 61s, false), "sent nothing new for 60 s");
}

TEST(SourcePatience, who_may_not_be_asked_for_more_is_borne_with) {
  SourcePatience patience(SourcePatience::kOfProxy, kNow);
  patience.rests(kNow + 10min);
  EXPECT_EQ(trouble(patience, kNow + 10min, false), "");
}

TEST(SourcePatience, a_proxy_that_is_slow_while_it_owes_something_is_done_without) {
  SourcePatience patience(SourcePatience::kOfProxy, kNow);
  const auto at = [&](Duration after, bool owes, std::uint64_t bytes) {
    patience.heard(kNow + after);
    return trouble(patience, kNow + after, owes, bytes);
  };
  EXPECT_EQ(at(5s + 1ms, true, 65'536), "") << "quick enough";
  EXPECT_EQ(at(8s, false, 65'536), "") << "it owes nothing: from here on";
  EXPECT_EQ(at(13s, true, 65'536), "");
  EXPECT_EQ(at(13s + 1ms, true, 65'536 + 1'000), "sent only 1.0 kB in 5 s with 0 B left");
}

TEST(SourcePatience, what_is_slow_depends_on_how_much_is_left) {
  struct Case {
    std::uint64_t brought, left;
    std::string trouble;
  };
  const std::uint64_t least = 64U << 10;
  const std::vector<Case> cases{
      {least, 0, ""},
      {least, 120 * least, ""},
      {least, 121 * least, "sent only 65.5 kB in 5 s with 7.9 MB left"},  // more than ten minutes at that pace
      {2 * least, 240 * least, ""},
      {2 * least, 2'000 * least, "sent only 131.1 kB in 5 s with 131.1 MB left"},
      {10 * least, 1'000'000 * least, ""},  // as quick as a proxy may be that serves many
      {10 * least - 1, 1'000'000 * least, "sent only 655.4 kB in 5 s with 65.5 GB left"},
  };
  for (const Case& each : cases) {
    SourcePatience patience(SourcePatience::kOfProxy, kNow);
    patience.heard(kNow + 5s);
    EXPECT_EQ(trouble(patience, kNow + 5s + 1ms, true, each.brought, each.left), each.trouble)
        << each.brought << " of " << each.left;
  }
  SourcePatience controller(SourcePatience::kOfController, kNow);
  controller.heard(kNow + 5s);
  EXPECT_EQ(trouble(controller, kNow + 5s + 1ms, true, 1, 1'000'000 * least), "");
}

TEST(SourcePatience, after_a_pause_of_this_host_itself_nobody_is_slow) {
  SourcePatience patience(SourcePatience::kOfProxy, kNow);
  patience.heard(kNow + 20s);
  EXPECT_EQ(trouble(patience, kNow + 20s), "");
}

TEST(SourcePatience, the_controller_may_be_slow) {
  SourcePatience patience(SourcePatience::kOfController, kNow);
  patience.heard(kNow + 6s);
  EXPECT_EQ(trouble(patience, kNow + 6s), "");
}

}  // namespace
}  // namespace serin::pull
