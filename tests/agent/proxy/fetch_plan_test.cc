#include "agent/proxy/fetch_plan.h"

#include <gtest/gtest.h>

#include "protocol/limits.h"
#include "protocol/pack.h"

namespace serin::proxy {
namespace {

using namespace std::chrono_literals;
constexpr std::uint64_t kChunk = limits::kChunkBytes;
const SteadyTime kNow{1h};

GetObject object(const std::string& content) {
  return {.object = digest_of(content)};
}
GetObject pack() {
  const ObjectId from = digest_of("from"), to = digest_of("to");
  return {.object = pack_name(from, to), .pack_from = from, .pack_to = to};
}
ObjectPart part(const GetObject& request, std::uint64_t bytes, std::uint64_t edition = 0) {
  return {.object = request.object, .offset = request.offset, .object_bytes = bytes, .edition = edition};
}
/// "begin, append 3, finish".
std::string words(const std::vector<FetchAction>& actions) {
  std::string all;
  for (const FetchAction& action : actions) {
    if (!all.empty()) all += ", ";
    if (std::holds_alternative<BeginContent>(action)) all += "begin";
    if (const auto* append = std::get_if<AppendContent>(&action)) {
      all += "append " + std::to_string(append->bytes.size());
    }
    if (std::holds_alternative<FinishContent>(action)) all += "finish";
    if (std::holds_alternative<FailContent>(action)) all += "fail";
  }
  return all;
}

TEST(FetchPlan, a_small_object_takes_one_request) {
  FetchPlan plan;
  plan.want(object("abc"));
  plan.want(object("abc"));
  const auto requests = plan.next_requests(kNow);
  ASSERT_EQ(requests.size(), 1U) << "wanted twice, asked for once";
  EXPECT_EQ(words(plan.on_part(part(requests[0], 3), "abc").value()), "begin, append 3, finish");
  EXPECT_TRUE(plan.empty());
  EXPECT_FALSE(plan.waits());
}

TEST(FetchPlan, an_empty_object_is_finished_with_its_first_part) {
  FetchPlan plan;
  plan.want(object(""));
  const auto requests = plan.next_requests(kNow);
  EXPECT_EQ(words(plan.on_part(part(requests.at(0), 0), "").value()), "begin, append 0, finish");
}

TEST(FetchPlan, a_large_one_is_asked_for_within_the_credit_and_a_small_one_beside_it_is_not_held_up) {
  FetchPlan plan;
  plan.want(pack());
  const auto first = plan.next_requests(kNow);
  ASSERT_EQ(first.size(), 1U) << "how large it is is not known";
  const std::uint64_t bytes = 100 * kChunk;
  EXPECT_EQ(words(plan.on_part(part(first[0], bytes, 9), std::string(kChunk, 'x')).value()),
            "begin, append " + std::to_string(kChunk));
  EXPECT_EQ(plan.next_requests(kNow).size(), limits::kCreditBytes / kChunk);
  EXPECT_TRUE(plan.next_requests(kNow).empty());
  plan.want(object("small"));
  GetObject next = first[0];
  next.offset = kChunk;
  ASSERT_TRUE(plan.on_part(part(next, bytes, 9), std::string(kChunk, 'x')));
  const auto more = plan.next_requests(kNow);
  ASSERT_EQ(more.size(), 1U);
  EXPECT_TRUE(more[0].object == digest_of("small") || more[0].object == pack().object);
  next.offset = 2 * kChunk;
  ASSERT_TRUE(plan.on_part(part(next, bytes, 9), std::string(kChunk, 'x')));
  const auto again = plan.next_requests(kNow);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_NE(more[0].object, again[0].object) << "each has its turn";
}

TEST(FetchPlan, a_refused_part_is_asked_for_again_later_and_what_came_meanwhile_waits_for_it) {
  FetchPlan plan;
  plan.want(pack());
  const auto first = plan.next_requests(kNow).at(0);
  const std::uint64_t bytes = 3 * kChunk;
  ASSERT_TRUE(plan.on_part(part(first, bytes, 9), std::string(kChunk, 'a')));
  const auto both = plan.next_requests(kNow);
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(
      words(plan.on_refused(
          {.object = both[0].object, .offset = both[0].offset, .reason = RefusalReason::busy, .retry_ms = 5}, kNow)),
      "");
  EXPECT_EQ(words(plan.on_part(part(both[1], bytes, 9), std::string(kChunk, 'c')).value()), "");
  EXPECT_TRUE(plan.next_requests(kNow).empty()) << "not yet";
  const auto again = plan.next_requests(kNow + 5ms);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0], both[0]);
  const std::string chunk = std::to_string(kChunk);
  EXPECT_EQ(words(plan.on_part(part(again[0], bytes, 9), std::string(kChunk, 'b')).value()),
            "append " + chunk + ", append " + chunk + ", finish");
}

TEST(FetchPlan, what_the_controller_lacks_fails) {
  FetchPlan plan;
  plan.want(object("abc"));
  const auto request = plan.next_requests(kNow).at(0);
  EXPECT_EQ(words(plan.on_refused({.object = request.object, .reason = RefusalReason::absent}, kNow)), "fail");
  EXPECT_TRUE(plan.empty());
}

TEST(FetchPlan, a_pack_that_was_made_otherwise_begins_anew) {
  FetchPlan plan;
  plan.want(pack());
  const auto first = plan.next_requests(kNow).at(0);
  ASSERT_TRUE(plan.on_part(part(first, 2 * kChunk, 9), std::string(kChunk, 'a')));
  const auto second = plan.next_requests(kNow).at(0);
  EXPECT_EQ(words(plan.on_part(part(second, 2 * kChunk, 10), std::string(kChunk, 'a')).value()), "");
  const auto anew = plan.next_requests(kNow);
  ASSERT_EQ(anew.size(), 1U);
  EXPECT_EQ(anew[0].offset, 0U);
  EXPECT_EQ(words(plan.on_part(part(anew[0], 3, 10), "abc").value()), "begin, append 3, finish");
}

TEST(FetchPlan, after_a_lost_link_what_has_not_come_is_asked_for_again) {
  FetchPlan plan;
  plan.want(pack());
  const auto first = plan.next_requests(kNow).at(0);
  ASSERT_TRUE(plan.on_part(part(first, 3 * kChunk, 9), std::string(kChunk, 'a')));
  const auto lost = plan.next_requests(kNow);
  plan.ask_again();
  EXPECT_FALSE(plan.waits());
  EXPECT_EQ(plan.next_requests(kNow), lost);
}

TEST(FetchPlan, a_part_of_another_length_or_kind_is_refused_and_an_unasked_one_ignored) {
  FetchPlan plan;
  plan.want(object("abc"));
  const auto request = plan.next_requests(kNow).at(0);
  EXPECT_FALSE(plan.on_part(part(request, 3), "ab"));
  EXPECT_FALSE(plan.on_part(part(request, 3, 9), "abc")) << "an object has no edition";
  EXPECT_EQ(words(plan.on_part(part(object("other"), 3), "abc").value()), "");
  EXPECT_EQ(words(plan.on_part(part(request, 3), "abc").value()), "begin, append 3, finish");
}

TEST(FetchPlan, when_no_link_comes_to_be_everything_fails) {
  FetchPlan plan;
  plan.want(object("a"));
  plan.want(pack());
  (void)plan.next_requests(kNow);
  EXPECT_EQ(words(plan.give_up()), "fail, fail");
  EXPECT_TRUE(plan.empty());
  EXPECT_FALSE(plan.waits());
}

TEST(FetchPlan, many_objects_are_asked_for_at_once_since_most_are_small) {
  FetchPlan plan;
  for (int i = 0; i < 1'000; ++i) plan.want(object(std::to_string(i)));
  EXPECT_GE(plan.next_requests(kNow).size(), 40U);
}

TEST(FetchPlan, what_comes_is_not_held_up_by_thousands_that_do_not_exist) {
  FetchPlan plan;
  plan.want(pack());
  const auto first = plan.next_requests(kNow).at(0);
  for (int i = 0; i < 4'000; ++i) plan.want(object(std::to_string(i)));
  ASSERT_TRUE(plan.on_part(part(first, 100 * kChunk, 9), std::string(kChunk, 'x')));
  std::uint64_t of_pack = 0, of_others = 0;
  for (const GetObject& request : plan.next_requests(kNow)) {
    (request.is_pack() ? of_pack : of_others) += request.length;
  }
  EXPECT_GT(of_pack, of_others);
}

TEST(FetchPlan, what_cannot_be_kept_is_not_asked_for_any_further) {
  FetchPlan plan;
  plan.want(pack());
  const auto first = plan.next_requests(kNow).at(0);
  ASSERT_TRUE(plan.on_part(part(first, 100 * kChunk, 9), std::string(kChunk, 'x')));
  ASSERT_FALSE(plan.next_requests(kNow).empty());
  plan.drop(pack().object);
  EXPECT_TRUE(plan.empty());
  EXPECT_FALSE(plan.waits());
  plan.want(pack());
  EXPECT_EQ(plan.next_requests(kNow).at(0).offset, 0U) << "wanted again, it begins anew";
}

TEST(FetchPlan, a_controller_that_wants_to_be_left_alone_for_weeks_is_asked_again_within_a_second) {
  FetchPlan plan;
  plan.want(object("abc"));
  const auto request = plan.next_requests(kNow).at(0);
  (void)plan.on_refused({.object = request.object, .reason = RefusalReason::busy, .retry_ms = 4'000'000'000}, kNow);
  EXPECT_EQ(plan.next_requests(kNow + 1s).size(), 1U);
}

TEST(FetchPlan, without_a_link_for_a_while_only_what_has_not_begun_fails) {
  FetchPlan plan;
  plan.want(pack());
  const auto first = plan.next_requests(kNow).at(0);
  ASSERT_TRUE(plan.on_part(part(first, 2 * kChunk, 9), std::string(kChunk, 'x')));
  plan.want(object("abc"));
  (void)plan.next_requests(kNow);
  EXPECT_EQ(words(plan.give_up_new()), "fail");
  plan.ask_again();
  const auto rest = plan.next_requests(kNow);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].offset, kChunk);
  EXPECT_EQ(words(plan.on_part(part(rest[0], 2 * kChunk, 9), std::string(kChunk, 'y')).value()),
            "append " + std::to_string(kChunk) + ", finish");
}

TEST(FetchPlan, asks_for_no_more_than_its_rate) {
  FetchPlan plan(1'000'000);
  plan.want(object("large"));
  SteadyTime now = kNow;
  const std::uint64_t bytes = 40 * kChunk;
  const std::string content(kChunk, 'x');
  std::uint64_t came = 0;
  for (; !plan.empty(); now += 10ms) {
    ASSERT_LE(came, static_cast<std::uint64_t>((now - kNow).count()) * 1'000 + 100'000 + limits::kCreditBytes)
        << "a tenth of a second, and what may be outstanding at once, come on top";
    for (const GetObject& request : plan.next_requests(now)) {
      const std::uint64_t length = std::min<std::uint64_t>(request.length, bytes - request.offset);
      ASSERT_TRUE(plan.on_part(part(request, bytes), std::string_view(content).substr(0, length)));
      came += length;
    }
  }
  EXPECT_EQ(came, bytes);
  EXPECT_LT(now, kNow + 11s) << "nor much slower";
}

TEST(FetchPlan, many_small_objects_keep_to_the_rate_too) {
  FetchPlan plan(10'000);
  for (int i = 0; i < 1'000; ++i) plan.want(object(std::to_string(i)));
  std::uint64_t came = 0;
  for (SteadyTime now = kNow; now <= kNow + 500ms; now += 1ms) {
    for (const GetObject& request : plan.next_requests(now)) {
      ASSERT_TRUE(plan.on_part(part(request, 7), "7 bytes"));
      came += 7;
    }
  }
  EXPECT_LE(came, 5'000U + 1'000U + 64U * 7U) << "as above";
  EXPECT_GE(came, 5'000U);
}

}  // namespace
}  // namespace serin::proxy
