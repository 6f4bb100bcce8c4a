#include "controller/evidence/prometheus.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "controller/evidence/series_growth.h"
#include "tests/controller/evidence/questions.h"

namespace serin::evidence {
namespace {

constexpr std::int64_t kBase = 1'700'000'000;  // wall of the controller's second 1000, and 123 ms

/// One series of a matrix with values from the span's first second on, 10 s apart; empty values are left out.
std::string series(const std::string& instance, std::int64_t first, const std::vector<std::string>& values,
                   const std::string& labels = "") {
  std::string points;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].empty()) continue;
    points += fmt::format("{}[{}.123,\"{}\"]", points.empty() ? "" : ",",
                          kBase + first - 1'000 + static_cast<std::int64_t>(i) * 10, values[i]);
  }
  return fmt::format(R"({{"metric":{{"__name__":"errors_total","instance":"{}"{}}},"values":[{}]}})", instance, labels,
                     points);
}

std::string matrix(const std::string& result) {
  return fmt::format(R"({{"status":"success","data":{{"resultType":"matrix","result":[{}]}}}})", result);
}
std::string newest(const std::string& instance, double at) {
  return fmt::format(R"({{"status":"success","data":{{"resultType":"vector","result":[
    {{"metric":{{"instance":"{}"}},"value":[{}.123,"{:.3f}"]}}]}}}})",
                     instance, kBase + 30, at);
}

/// Values of the steps of `since`, and the times of their samples: fresh ones.
Result<Reading> read_since(Question question, const std::string& values, const std::string& times,
                           const std::string& newest_sample) {
  question.before.reset();
  question.hosts = {"web-01"};
  return prometheus_reading(question, *prometheus_requests(question),
                            {good(matrix(values)), good(matrix(times)), good(newest_sample)});
}

TEST(PrometheusQuery, asks_for_bare_counters_and_the_times_of_their_samples) {
  Question question = question_about(SourceKind::prometheus);
  question.hosts = {"web-01", "web.example"};
  const auto requests = prometheus_requests(question);
  ASSERT_TRUE(requests);
  ASSERT_EQ(requests->size(), 5U);
  const std::string selector =
      "errors_total%7Binstance%3D~%22%28web-01%7Cweb%5B.%5Dexample%29%28:%5B0-9%5D%2B%29%3F%22%7D";
  EXPECT_EQ(requests->at(0),
            (HttpRequest{.path = "/api/v1/query_range",
                         .content_type = "application/x-www-form-urlencoded",
                         .body = "query=" + selector + "&start=1699999900.123&end=1699999960.123&step=10"}));
  EXPECT_EQ(requests->at(1).body.substr(0, 19), "query=timestamp%28e");
  EXPECT_NE(requests->at(2).body.find("&start=1700000003.123&end=1700000023.123&step=10"), std::string::npos);
  EXPECT_EQ(requests->at(4).path, "/api/v1/query");
  EXPECT_EQ(requests->at(4).body.find("time="), std::string::npos) << "it is to tell its own";
}

TEST(PrometheusQuery, asks_for_no_time_that_has_not_come) {
  Question question = question_about(SourceKind::prometheus);
  question.asked_at = SteadyTime{std::chrono::seconds{1'014}};
  EXPECT_NE(prometheus_requests(question)->at(2).body.find("&end=1700000013.123"), std::string::npos);
}

TEST(PrometheusAnswer, counts_what_each_series_grew_by_over_resets) {
  const auto reading =
      read_since(question_about(SourceKind::prometheus),
                 series("web-01:9100", 1'003, {"100", "107", "3"}, R"(,"code":"500")") + "," +
                     series("web-01:9100", 1'003, {"5", "5", "6"}, R"(,"code":"502")"),
                 series("web-01:9100", 1'003, {"1700000001", "1700000011", "1700000021"}, R"(,"code":"500")") + "," +
                     series("web-01:9100", 1'003, {"1700000001", "1700000011", "1700000021"}, R"(,"code":"502")"),
                 newest("web-01:9100", kBase + 28));
  ASSERT_TRUE(reading) << reading.error().text;
  EXPECT_EQ(reading->hosts[0].since.seconds,
            (std::vector<fleet::SecondOfHost>{{.errors = 7, .reported = true}, {.errors = 4, .reported = true}}))
      << "3 since the reset, and 1 of the other";
  EXPECT_EQ(reading->hosts[0].newest, 1'027);
}

TEST(PrometheusAnswer, a_target_that_comes_back_has_not_grown_by_all_that_it_ever_counted) {
  Question question = question_about(SourceKind::prometheus);
  question.since->until = 1'063;
  question.asked_at = SteadyTime{std::chrono::seconds{1'070}};
  const std::vector<std::string> times{"1700000001", "1700000011", "1700000021", "1700000031",
                                       "1700000041", "1700000051", "1700000061"};
  std::vector<std::string> gap = times;
  gap[2].clear();
  const auto reading = read_since(question,
                                  series("web-01:9100", 1'003, {"1", "2", "3", "4", "5", "6", "7"}) + "," +
                                      series("web-01:9200", 1'003, {"900", "901", "", "903", "904", "905", "907"}),
                                  series("web-01:9100", 1'003, times) + "," + series("web-01:9200", 1'003, gap),
                                  newest("web-01:9100", kBase + 68));
  ASSERT_TRUE(reading) << reading.error().text;
  EXPECT_EQ(reading->hosts[0].since.seconds, (std::vector<fleet::SecondOfHost>{{.errors = 2, .reported = true},
                                                                               {},
                                                                               {},
                                                                               {.errors = 2, .reported = true},
                                                                               {.errors = 2, .reported = true},
                                                                               {.errors = 3, .reported = true}}));
}

TEST(PrometheusAnswer, a_stale_sample_is_no_zero) {
  const auto reading =
      read_since(question_about(SourceKind::prometheus), series("web-01", 1'003, {"9", "9", "9"}),
                 series("web-01", 1'003, {"1700000001", "1700000001", "1700000001"}), newest("web-01", kBase + 1));
  ASSERT_TRUE(reading) << reading.error().text;
  EXPECT_EQ(reading->hosts[0].since.seconds, (std::vector<fleet::SecondOfHost>{{.errors = 0, .reported = true}, {}}))
      << "22 s old, where a host is looked at every 5 s";
  EXPECT_EQ(reading->hosts[0].newest, 1'000);
}

TEST(PrometheusAnswer, a_host_without_series_is_unknown) {
  const auto reading = read_since(question_about(SourceKind::prometheus), "", "",
                                  R"({"status":"success","data":{"resultType":"vector","result":[]}})");
  ASSERT_TRUE(reading) << reading.error().text;
  EXPECT_EQ(reading->hosts[0].since.seconds, (std::vector<fleet::SecondOfHost>{{}, {}}));
  EXPECT_FALSE(reading->hosts[0].newest);
}

TEST(PrometheusAnswer, with_absent_is_zero_requests_show_that_a_host_without_errors_is_looked_at) {
  Question question = question_about(SourceKind::prometheus);
  question.before.reset();
  question.hosts = {"web-01"};
  question.settings.prometheus.requests = R"(requests_total{instance=~"$hosts"})";
  const std::string times = series("web-01", 1'003, {"1700000001", "1700000011", "1700000021"});
  const std::string none = R"({"status":"success","data":{"resultType":"vector","result":[]}})";
  const std::vector<HttpAnswer> answers{good(matrix(series("web-01", 1'003, {"", "", "2"}))),
                                        good(matrix(series("web-01", 1'003, {"", "", "1700000021"}))),
                                        good(none),  // errors
                                        good(matrix(series("web-01", 1'003, {"10", "30", "60"}))),
                                        good(matrix(times)),
                                        good(newest("web-01", kBase + 28))};
  const auto unknown = prometheus_reading(question, *prometheus_requests(question), answers);
  ASSERT_TRUE(unknown) << unknown.error().text;
  EXPECT_EQ(unknown->hosts[0].since.seconds, (std::vector<fleet::SecondOfHost>{{}, {}}));
  question.settings.prometheus.absent_is_zero = true;
  const auto known = prometheus_reading(question, *prometheus_requests(question), answers);
  EXPECT_EQ(known->hosts[0].since.seconds,
            (std::vector<fleet::SecondOfHost>{{.errors = 0, .lines = 20, .reported = true, .requests = 20},
                                              {.errors = 2, .lines = 30, .reported = true, .requests = 30}}))
      << "a counter that appears began at 0";
  EXPECT_EQ(known->hosts[0].newest, 1'027);
}

TEST(PrometheusAnswer, a_gauge_is_errors_per_second_and_fractions_are_carried_on) {
  Question question = question_about(SourceKind::prometheus);
  question.before.reset();
  question.hosts = {"web-01"};
  question.settings.prometheus.kind = SeriesKind::gauge;
  const auto reading =
      prometheus_reading(question, *prometheus_requests(question),
                         {good(matrix(series("web-01", 1'003, {"", "0.25", "0.25"}))), good(newest("web-01", 0.25))});
  ASSERT_TRUE(reading) << reading.error().text;
  EXPECT_EQ(reading->hosts[0].since.seconds,
            (std::vector<fleet::SecondOfHost>{{.errors = 2, .reported = true}, {.errors = 3, .reported = true}}));
  EXPECT_EQ(reading->hosts[0].newest, 1'030);
}

TEST(PrometheusAnswer, that_is_not_whole_is_an_error) {
  const Question question = question_about(SourceKind::prometheus);
  const auto said = [&](const std::string& values) {
    const auto reading = read_since(question, "", "", values);
    return reading ? std::string{"good"} : reading.error().text;
  };
  EXPECT_NE(said(R"({"status":"error","errorType":"bad_data","error":"parse error"})").find("it is an error"),
            std::string::npos);
  EXPECT_NE(said(R"({"status":"success","warnings":["one store is away"],"data":{"resultType":"vector","result":[]}})")
                .find("partial: one store is away"),
            std::string::npos);
  EXPECT_NE(said(matrix("")).find("of the type matrix"), std::string::npos);
  EXPECT_NE(said("{}").find("not the form of an answer to this"), std::string::npos);
  EXPECT_NE(said("no").find("it is no JSON"), std::string::npos);
  EXPECT_NE(said(newest("web-99", 1)).find("a host that was not asked for: web-99"), std::string::npos);
  EXPECT_NE(said(R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"2"]}]}})")
                .find("a series has no label instance"),
            std::string::npos);
  const auto off = read_since(question, series("web-01", 1'004, {"1"}), "", newest("web-01", 1));
  ASSERT_FALSE(off);
  EXPECT_NE(off.error().text.find("a time was not asked for"), std::string::npos);
}

TEST(PrometheusAnswer, of_a_server_whose_clock_is_ahead_cannot_be_relied_on) {
  const Question question = question_about(SourceKind::prometheus);
  const auto reading = read_since(question, "", "", newest("web-01", kBase + 29));
  ASSERT_TRUE(reading) << reading.error().text;
  EXPECT_EQ(reading->server_at, 1'030);
  const auto said = [&](std::int64_t answered) {
    const auto taken = reading_at({.question = question, .reading = *reading, .took = {}},
                                  {SteadyTime{std::chrono::seconds{answered}}, {}});
    return taken ? std::string{"good"} : taken.error().text;
  };
  EXPECT_EQ(said(1'024), "http://logs:9200: its clock is 6 s ahead of this one: what it tells of now is of then");
  EXPECT_EQ(said(1'025), "good");
  EXPECT_EQ(said(1'060), "good") << "the answer took long, or its clock is behind: then it is waited for";
}

TEST(ReadingAt, what_came_while_the_answer_was_made_is_as_new_as_the_question) {
  const Question question = question_about(SourceKind::logstash);  // asked at 1030
  Reading reading{.hosts = {{.before = {}, .since = {}, .newest = 1'033},
                            {.before = {}, .since = {}, .newest = 1'050},
                            {.before = {}, .since = {}, .newest = 1'010}}};
  reading.newest = 1'050;
  const auto taken = reading_at({.question = question, .reading = reading, .took = {}}, {start_of(1'034), {}});
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->hosts[0].newest, 1'030);
  EXPECT_EQ(taken->hosts[1].newest, 1'046) << "16 s ahead";
  EXPECT_EQ(taken->hosts[2].newest, 1'010);
}

TEST(SeriesGrowth, a_series_that_is_gone_has_no_more_to_say) {
  const Grid grid{.first = 0, .step = 10, .points = 2, .stale_after = 15};
  const SeriesByLabels both{{"a", {.values = {5, std::nullopt}, .times = {0, std::nullopt}}},
                            {"b", {.values = {1, 4}, .times = {0, 9}}}};
  EXPECT_EQ(growth(both, SeriesKind::counter, grid, 1), 3);
  EXPECT_TRUE(is_fresh(both, grid, 1));
  EXPECT_FALSE(is_fresh({{"a", both.at("a")}}, grid, 1));
}

}  // namespace
}  // namespace serin::evidence
