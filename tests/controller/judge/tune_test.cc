#include "controller/judge/tune.h"

#include <gtest/gtest.h>

#include "trace_of.h"

namespace serin::judge {
namespace {

/// A restart that logs for `burst` seconds on each canary.
Trace release(std::size_t burst) {
  return trace_of(5, 20, every(1), [=](std::size_t host, std::size_t t) { return host < 5 && t < burst ? 21U : 1U; });
}

Trace ordinary(std::size_t seconds) {
  Trace trace = trace_of(0, 20, every(1), every(1), seconds);
  trace.deploy.reset();
  return trace;
}

TEST(Tune, counts_what_would_have_been) {
  const TuneReport report = tune(std::vector<Trace>{release(0), release(2)}, std::vector<Trace>{ordinary(60)}, {});
  EXPECT_EQ(report.releases.windows, 2U);
  EXPECT_EQ(report.releases.passes, 2U);
  EXPECT_EQ(report.releases.fails, 0U);
  EXPECT_GT(report.releases.pass_p95, 7U);
  // 360 s: from 60 to 300, every half minute.
  EXPECT_EQ(report.ordinary.windows, 9U);
  EXPECT_EQ(report.ordinary.fails, 0U);
  EXPECT_TRUE(report.suggestions.empty());
  EXPECT_TRUE(tune_text(report).ends_with("keep the settings as they are\n")) << tune_text(report);
}

TEST(Tune, suggests_the_settle_that_the_restarts_take) {
  const std::vector<Trace> releases(6, release(7));
  const TuneReport report = tune(releases, {}, {});
  EXPECT_EQ(report.releases.fails, 6U);
  ASSERT_EQ(report.suggestions.size(), 1U);
  EXPECT_EQ(report.suggestions[0].key, "settle");
  EXPECT_EQ(report.suggestions[0].value, "8");
  EXPECT_EQ(report.suggestions[0].releases.passes, 6U);
  EXPECT_NE(tune_text(report).find("suggested: settle = 8 (restarts take that long)\n"), std::string::npos);
}

TEST(Tune, suggests_a_longer_horizon_where_evidence_was_wanting) {
  SequentialSettings hasty;
  hasty.horizon = std::chrono::seconds{7};
  const TuneReport report = tune(std::vector<Trace>(3, release(0)), {}, hasty);
  EXPECT_EQ(report.releases.held(), 3U);
  ASSERT_EQ(report.suggestions.size(), 1U);
  EXPECT_EQ(report.suggestions[0].key, "horizon");
  EXPECT_EQ(report.suggestions[0].value, "14");
}

TEST(Tune, a_release_whose_fleet_went_on_before_an_answer_says_nothing) {
  Trace trace = release(0);
  for (TraceHost& host : trace.hosts) {
    if (host.role == Role::control) host.loaded = *trace.deploy + 15;
  }
  SequentialSettings careful;
  careful.min_pass = std::chrono::seconds{40};
  const TuneReport report = tune(std::vector<Trace>(3, trace), {}, careful);
  EXPECT_EQ(report.releases.unknown, 3U);
  EXPECT_EQ(report.releases.held(), 0U);
  EXPECT_TRUE(report.suggestions.empty()) << "a longer horizon would not help";
  EXPECT_NE(tune_text(report).find("3 cannot be told (the fleet went on before that)"), std::string::npos);
}

TEST(Tune, says_so_when_no_change_would_help) {
  // Ten times as many errors for good: nobody should call that a good release.
  const Trace bad = trace_of(5, 20, every(1), [](std::size_t host, std::size_t) { return host < 5 ? 10U : 1U; });
  const TuneReport report = tune(std::vector<Trace>{bad}, {}, {});
  EXPECT_EQ(report.releases.fails, 1U);
  EXPECT_TRUE(report.suggestions.empty());
  EXPECT_NE(tune_text(report).find("no single change would have avoided the false fails"), std::string::npos);
}

TEST(Tune, has_nothing_to_say_without_history) {
  EXPECT_EQ(tune_text(tune({}, {}, {})),
            "good releases: none\nordinary hours: none\nnothing is stored to learn from yet\n");
  EXPECT_EQ(tune(std::vector<Trace>{ordinary(60)}, {}, {}).releases.windows, 0U);
}

}  // namespace
}  // namespace serin::judge
