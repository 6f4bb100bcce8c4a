#include "agent/verify/verify_desk.h"

#include <gtest/gtest.h>

namespace serin::drift {

namespace {

using namespace std::chrono_literals;

const Now kStart{SteadyTime{1h}, WallTime{1'700'000'000s}};
const ObjectId kRoot = digest_of("r2"), kOlderRoot = digest_of("r1");

template <class T>
std::vector<T> all_of(const Deeds& deeds) {
  std::vector<T> all;
  for (const Deed& deed : deeds) {
    if (const auto* value = std::get_if<T>(&deed)) all.push_back(*value);
  }
  return all;
}

class VerifyDeskTest : public testing::Test {
 protected:
  static VerifyDesk desk_with(std::uint64_t scrub_bytes_per_s) {
    return {{.verify_bytes_per_s = 50, .scrub_bytes_per_s = scrub_bytes_per_s, .scrub_every = 24h},
            {"blog", "shop"},
            1,
            kStart};
  }
  static VerifyRequest request(std::uint64_t number, bool repair = false) {
    return {.application = "shop", .number = number, .repair = repair};
  }
  static Release release() { return {.application = "shop", .number = 2, .root = kRoot, .files = 10, .bytes = 100}; }
  static DriftList drifts(std::size_t count) {
    DriftList list;
    for (std::size_t i = 0; i < count; ++i) list.add("p" + std::to_string(i), DriftKind::changed);
    return list;
  }
  static Now after(Duration time) { return {kStart.steady + time, kStart.wall + time}; }

  VerifyDesk desk_ = desk_with(0);
  VerifyDesk::Lives lives_{{"shop", {.release = 2, .root = kRoot}}, {"blog", {.release = 1, .root = kOlderRoot}}};
};

TEST_F(VerifyDeskTest, a_verify_looks_at_what_is_live_and_tells_what_was_found) {
  const Deeds begun = desk_.take(request(5), release(), lives_, kStart);
  const auto looks = all_of<StartLook>(begun);
  ASSERT_EQ(looks.size(), 1U);
  EXPECT_EQ(looks[0].root, kRoot);
  EXPECT_EQ(looks[0].bytes_per_s, 50U);
  const Deeds ended = desk_.on_looked(
      {.number = looks[0].number, .ended = true, .drifts = drifts(2), .files = 10, .bytes = 90}, lives_, kStart);
  const auto reports = all_of<SendReport>(ended);
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_TRUE(reports[0].report.final);
  EXPECT_EQ(reports[0].report.counts.changed, 2U);
  EXPECT_EQ(reports[0].report.listed.size(), 2U);
  EXPECT_EQ(all_of<StartMend>(ended).size(), 0U);
  EXPECT_EQ(all_of<NoteDrift>(ended).at(0).drift, 2U);
  EXPECT_EQ(desk_.verified_at("shop"), kStart.steady);
}

TEST_F(VerifyDeskTest, the_same_number_again_is_answered_and_not_begun_anew) {
  const auto look = all_of<StartLook>(desk_.take(request(5), release(), lives_, kStart)).at(0);
  const Deeds again = desk_.take(request(5), release(), lives_, kStart);
  EXPECT_EQ(all_of<StartLook>(again).size(), 0U);
  EXPECT_FALSE(all_of<SendReport>(again).at(0).report.final);
  desk_.on_looked({.number = look.number, .ended = true, .drifts = drifts(1)}, lives_, kStart);
  const Deeds late = desk_.take(request(5), release(), lives_, kStart);
  EXPECT_TRUE(all_of<SendReport>(late).at(0).report.final);
  EXPECT_EQ(all_of<SendReport>(late).at(0).report.counts.changed, 1U);
  EXPECT_TRUE(desk_.take(request(4), release(), lives_, kStart).empty()) << "an older one is nothing";
}

TEST_F(VerifyDeskTest, repair_mends_what_was_found_and_ends_with_how_many) {
  const auto look = all_of<StartLook>(desk_.take(request(5, true), release(), lives_, kStart)).at(0);
  const Deeds found = desk_.on_looked({.number = look.number, .ended = true, .drifts = drifts(2)}, lives_, kStart);
  const auto mends = all_of<StartMend>(found);
  ASSERT_EQ(mends.size(), 1U);
  auto mended = mends[0].drifts;
  for (Drift& drift : mended) drift.mended = true;
  const Deeds end = desk_.on_mended("shop", mended, 2, "", lives_, kStart);
  const auto report = all_of<SendReport>(end).at(0).report;
  EXPECT_TRUE(report.final);
  EXPECT_EQ(report.mended, 2U);
  EXPECT_TRUE(report.listed.at(1).mended);
  EXPECT_EQ(all_of<NoteDrift>(end).at(0).drift, 0U);
}

TEST_F(VerifyDeskTest, what_could_not_be_seen_before_is_looked_at_once_more) {
  const auto look = all_of<StartLook>(desk_.take(request(5, true), release(), lives_, kStart)).at(0);
  desk_.on_looked({.number = look.number, .ended = true, .drifts = drifts(1), .unread_folders = true}, lives_, kStart);
  const auto second = all_of<StartLook>(desk_.on_mended("shop", {}, 1, "", lives_, kStart)).at(0);
  DriftList behind;
  behind.add("p0/x", DriftKind::missing);
  desk_.on_looked({.number = second.number, .ended = true, .drifts = behind}, lives_, kStart);
  const auto report = all_of<SendReport>(desk_.on_mended("shop", {}, 1, "", lives_, kStart)).at(0).report;
  EXPECT_EQ(report.counts, (DriftCounts{.missing = 1, .changed = 1}));
  EXPECT_EQ(report.mended, 2U);
}

TEST_F(VerifyDeskTest, an_order_interrupts_it_by_name) {
  const auto look = all_of<StartLook>(desk_.take(request(5), release(), lives_, kStart)).at(0);
  EXPECT_EQ(all_of<StopLook>(desk_.on_order("shop")).size(), 1U);
  EXPECT_EQ(all_of<StopLook>(desk_.on_order("shop")).size(), 0U);
  const auto report =
      all_of<SendReport>(desk_.on_looked({.number = look.number, .ended = true, .trouble = "stopped"}, lives_, kStart))
          .at(0)
          .report;
  EXPECT_TRUE(report.final);
  EXPECT_NE(report.trouble.find("interrupted"), std::string::npos);
}

TEST_F(VerifyDeskTest, another_applications_order_lets_it_go_on) {
  desk_.take(request(5), release(), lives_, kStart);
  EXPECT_TRUE(desk_.on_order("blog").empty());
}

TEST_F(VerifyDeskTest, what_cannot_be_verified_is_told_at_once) {
  lives_["shop"].at_work = true;
  auto report = all_of<SendReport>(desk_.take(request(5), release(), lives_, kStart)).at(0).report;
  EXPECT_TRUE(report.final);
  EXPECT_NE(report.trouble.find("busy"), std::string::npos);
  lives_["shop"] = {.release = 3, .root = digest_of("r3")};
  report = all_of<SendReport>(desk_.take(request(6), release(), lives_, kStart)).at(0).report;
  EXPECT_NE(report.trouble.find("r3 is live here"), std::string::npos);
  lives_["shop"] = {};
  report = all_of<SendReport>(desk_.take(request(7), release(), lives_, kStart)).at(0).report;
  EXPECT_NE(report.trouble.find("nothing is live"), std::string::npos);
}

TEST_F(VerifyDeskTest, without_a_rate_nothing_is_scrubbed) {
  EXPECT_TRUE(desk_.on_tick(lives_, after(48h)).empty());
}

TEST_F(VerifyDeskTest, each_tree_is_scrubbed_once_in_its_time_one_after_the_other) {
  desk_ = desk_with(7);
  const auto first = all_of<StartLook>(desk_.on_tick(lives_, after(1h))).at(0);
  EXPECT_EQ(first.application, "blog");
  EXPECT_EQ(first.bytes_per_s, 7U);
  EXPECT_TRUE(desk_.on_tick(lives_, after(2h)).empty());
  const auto second =
      all_of<StartLook>(desk_.on_looked({.number = first.number, .ended = true}, lives_, after(2h))).at(0);
  EXPECT_EQ(second.application, "shop");
  desk_.on_looked({.number = second.number, .ended = true}, lives_, after(2h));
  EXPECT_TRUE(desk_.on_tick(lives_, after(25h)).empty());
  EXPECT_EQ(all_of<StartLook>(desk_.on_tick(lives_, after(26h))).size(), 1U);
}

TEST_F(VerifyDeskTest, a_round_that_an_order_stopped_goes_on_where_it_stood_and_keeps_what_it_found) {
  desk_ = desk_with(7);
  lives_.erase("blog");
  const auto look = all_of<StartLook>(desk_.on_tick(lives_, after(1h))).at(0);
  desk_.on_order("shop");
  const Deeds stopped = desk_.on_looked(
      {.number = look.number, .ended = true, .trouble = "stopped", .drifts = drifts(1), .last = "lib/k"}, lives_,
      after(1h));
  EXPECT_EQ(all_of<NoteDrift>(stopped).at(0).drift, 1U);
  EXPECT_EQ(desk_.verified_at("shop"), std::nullopt);
  const auto rest = all_of<StartLook>(desk_.on_tick(lives_, after(1h + 1min))).at(0);
  EXPECT_EQ(rest.after, "lib/k");
  DriftList more;
  more.add("z", DriftKind::extra);
  const Deeds end = desk_.on_looked({.number = rest.number, .ended = true, .drifts = more}, lives_, after(2h));
  EXPECT_EQ(all_of<NoteDrift>(end).at(0).drift, 2U);
  EXPECT_EQ(all_of<StartMend>(end).size(), 0U) << "scrubbing never mends";
}

TEST_F(VerifyDeskTest, a_verify_takes_the_place_of_a_round) {
  desk_ = desk_with(7);
  const auto round = all_of<StartLook>(desk_.on_tick(lives_, after(1h))).at(0);
  const Deeds taken = desk_.take(request(5), release(), lives_, after(1h));
  EXPECT_EQ(all_of<StopLook>(taken).size(), 1U);
  EXPECT_EQ(all_of<StartLook>(taken).size(), 0U);
  const Deeds next =
      desk_.on_looked({.number = round.number, .ended = true, .trouble = "stopped", .last = "a"}, lives_, after(1h));
  EXPECT_EQ(all_of<StartLook>(next).at(0).bytes_per_s, 50U);
}

TEST_F(VerifyDeskTest, a_switch_away_from_a_tree_with_drift_begins_the_next_round) {
  desk_ = desk_with(7);
  lives_.erase("blog");
  const auto look = all_of<StartLook>(desk_.on_tick(lives_, after(1h))).at(0);
  desk_.on_looked({.number = look.number, .ended = true, .drifts = drifts(1)}, lives_, after(1h));
  EXPECT_TRUE(desk_.on_tick(lives_, after(2h)).empty());
  lives_["shop"] = {.release = 3, .root = digest_of("r3")};
  EXPECT_EQ(all_of<StartLook>(desk_.on_tick(lives_, after(2h))).size(), 1U);
}

}  // namespace

}  // namespace serin::drift
