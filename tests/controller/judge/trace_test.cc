#include "controller/judge/trace.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "protocol/limits.h"

namespace serin::judge {
namespace {

constexpr std::string_view kHeader = "second,host,role,errors,lines\n";

std::string error_of(std::string_view csv) {
  const auto trace = parse_trace(csv);
  return trace ? "good" : trace.error().text;
}

const Counts kUnseen{};

TEST(Trace, is_read_by_second_host_and_role) {
  const auto trace = parse_trace(
      "#deploy=2\n# recorded by hand\n#loaded=web-1,1\n#rules=web-2,9f0c\n"
      "second,host,role,errors,lines\n1,web-1,canary,3,120\n1,web-2,control,0,80\n\n3,web-2,control,1,81\n");
  ASSERT_TRUE(trace) << trace.error().text;
  EXPECT_EQ(*trace,
            (Trace{.deploy = 2,
                   .first = 1,
                   .hosts = {{"web-1", Role::canary, 1, "", {{true, 3, 120, 0}, kUnseen, kUnseen}},
                             {"web-2", Role::control, {}, "9f0c", {{true, 0, 80, 0}, kUnseen, {true, 1, 81, 0}}}},
                   .signatures = {}}));
}

TEST(Trace, reads_requests_and_signatures_in_columns_of_any_order) {
  const auto trace =
      parse_trace("signatures,requests,errors,host,role,second\nb1:2;a0:1,77,3,h,canary,-5\n,0,0,h,canary,-4\n");
  ASSERT_TRUE(trace) << trace.error().text;
  EXPECT_FALSE(trace->lines_known);
  EXPECT_TRUE(trace->requests_known);
  EXPECT_FALSE(trace->deploy);
  EXPECT_EQ(trace->first, -5);
  EXPECT_EQ(trace->hosts[0].seconds[0], (Counts{true, 3, 0, 77}));
  EXPECT_EQ(trace->signatures, (std::vector<SignatureCount>{{-5, 0, "a0", 1}, {-5, 0, "b1", 2}}));
}

TEST(Trace, line_feeds_of_windows_a_byte_order_mark_and_a_missing_last_line_feed_are_fine) {
  EXPECT_EQ(error_of("\xEF\xBB\xBF#deploy=1\r\nsecond,host,role,errors,lines\r\n0,a,canary,1,2\r\n\r\n1,a,canary,1,2"),
            "good");
}

TEST(Trace, rows_in_any_order_are_the_same_trace) {
  const std::string rows = std::string{kHeader} + "0,a,canary,1,2\n0,b,control,3,4\n2,a,canary,5,6\n";
  const std::string turned = std::string{kHeader} + "2,a,canary,5,6\n0,b,control,3,4\n0,a,canary,1,2\n";
  EXPECT_EQ(*parse_trace(rows), *parse_trace(turned));
}

struct Refusal {
  std::string csv, error;
};
TEST(Trace, refuses_what_is_malformed_with_line_and_column) {
  const std::string header{kHeader};
  const std::string count = ": write a whole number from 0 to 1000000000";
  const std::vector<Refusal> rows{
      {"", "line 1, column 1: the trace ends without its header second,host,role,errors,lines"},
      {"\n\n#deploy=3\n", "line 4, column 1: the trace ends without its header second,host,role,errors,lines"},
      {"second,host,errors\n", "line 1, column 1: the column role is missing"},
      {"second,host,role,errors,latency\n",
       "line 1, column 25: 'latency' is no column: the header is second,host,role,errors,lines and may name requests "
       "and "
       "signatures"},
      {"second,host,role,errors,errors\n", "line 1, column 25: the column errors stands here twice"},
      {header + "0,a,canary,1\n", "line 2, column 1: 4 fields where the header has 5"},
      {header + "0,a,canary,1,2,3\n", "line 2, column 1: 6 fields where the header has 5"},
      {header + "0,a,canary,-1,2\n", "line 2, column 12: '-1' is no count" + count},
      {header + "0,a,canary,1,1.5\n", "line 2, column 14: '1.5' is no count" + count},
      {header + "0,a,canary,,2\n", "line 2, column 12: '' is no count" + count},
      {header + "0,a,canary, 1,2\n", "line 2, column 12: ' 1' is no count" + count},
      {header + "0,a,canary,1000000001,2\n", "line 2, column 12: '1000000001' is no count" + count},
      {header + "0,a,canary,99999999999999999999999,2\n",
       "line 2, column 12: '99999999999999999999999' is no count" + count},
      {header + "0x1,a,canary,1,2\n",
       "line 2, column 1: '0x1' is no second: write a whole number from -1000000000000000 to 1000000000000000"},
      {header + "0,a,driver,1,2\n", "line 2, column 5: 'driver' is no role: write canary or control"},
      {header + "0,a b,canary,1,2\n", "line 2, column 3: 'a b' is no host's name"},
      {header + "0,\"a\",canary,1,2\n", "line 2, column 3: '\"a\"' is no host's name"},
      {header + std::string("0,a\0b,canary,1,2\n", 17), "line 2, column 3: 'a\\x00b' is no host's name"},
      {std::string("second\0,host\n", 13),
       "line 1, column 1: 'second\\x00' is no column: the header is second,host,role,errors,lines and may name "
       "requests "
       "and signatures"},
      {header + "0,a,canary,1,2\n1,a,control,1,2\n", "line 3, column 5: a had the other role before"},
      {header + "0,a,canary,1,2\n0,b,control,1,2\n0,a,canary,1,2\n",
       "line 4, column 1: second 0 of a stands here a second time"},
      {"#deploy=1\n#deploy=1\n" + header, "line 2, column 1: #deploy stands here a second time"},
      {"#judge=fair\n" + header, "line 1, column 8: 'fair' is no judge: write sequential or fixed"},
      {"#step=0\n" + header, "line 1, column 7: '0' is no step: write a whole number from 1 to 3600"},
      {"#deploy=soon\n" + header,
       "line 1, column 9: 'soon' is no second: write a whole number from -1000000000000000 to 1000000000000000"},
      {"#loaded=web-1\n" + header, "line 1, column 1: write #loaded=HOST,SECOND"},
      {"#loaded=web-1,3\n#loaded=web-1,4\n" + header, "line 2, column 9: web-1 is named twice"},
      {"#rules=web-1,a/b\n" + header, "line 1, column 14: 'a/b' is no hash"},
      {header + "0,a,canary,1,2\n900000000000,a,canary,1,2\n",
       "line 3, column 1: 1 hosts over 900000000001 s: at most 8000000 hosts x seconds are taken"},
      {"second,host,role,errors,signatures\n0,a,canary,1,x\n", "line 2, column 14: 'x' is no id:count"},
      {"second,host,role,errors,signatures\n0,a,canary,1,x:1;y:-2\n", "line 2, column 20: '-2' is no count" + count},
  };
  for (const Refusal& row : rows) EXPECT_EQ(error_of(row.csv), row.error);
}

TEST(Trace, refuses_more_hosts_than_it_takes) {
  std::string csv{kHeader};
  for (std::size_t i = 0; i <= limits::kTraceHostsMax; ++i) csv += fmt::format("0,h{},control,0,0\n", i);
  EXPECT_EQ(error_of(csv), "line 20002, column 3: more than 20000 hosts");
}

TEST(Trace, is_read_back_as_it_was_written) {
  std::mt19937 random(11);
  for (int round = 0; round < 50; ++round) {
    Trace trace{.deploy = 3, .first = -2, .lines_known = round % 2 == 0, .requests_known = round % 3 == 0};
    for (std::size_t h = 0; h < 4; ++h) {
      TraceHost host{.host = fmt::format("web-{}", h), .role = h < 2 ? Role::canary : Role::control};
      if (h % 2 == 0) host.loaded = 2;
      if (h > 1) host.rules = "abc";
      for (std::size_t t = 0; t < 8; ++t) {
        Counts counts;
        counts.seen = t == 0 || t == 7 || random() % 3 != 0;
        if (counts.seen) {
          counts.errors = random() % 5;
          counts.lines = trace.lines_known ? random() % 100 : 0;
          counts.requests = trace.requests_known ? random() % 100 : 0;
        }
        host.seconds.push_back(counts);
      }
      trace.hosts.push_back(host);
    }
    for (std::int64_t second = -2; second < 6 && round % 5 == 0; ++second) {
      if (trace.hosts[1].seconds[static_cast<std::size_t>(second + 2)].seen) {
        trace.signatures.push_back({second, 1, "s1", 4});
        trace.signatures.push_back({second, 1, "s2", 1});
      }
    }
    const auto read = parse_trace(trace_csv(trace));
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(*read, trace);
  }
}

TEST(Trace, no_damage_of_a_good_one_does_harm) {
  const std::string good =
      "#deploy=2\n#loaded=a,1\nsecond,host,role,errors,lines,requests,signatures\n1,a,canary,3,120,4,x:1;y:2\n2,b,"
      "control,0,80,0,\n";
  for (std::size_t cut = 0; cut <= good.size(); ++cut) {
    const auto trace = parse_trace(std::string_view{good}.substr(0, cut));
    EXPECT_EQ(trace ? "line " : trace.error().text.substr(0, 5), "line ");
  }
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
      const auto trace = parse_trace(bad);
      EXPECT_EQ(trace ? "line " : trace.error().text.substr(0, 5), "line ");
    }
  }
}

TEST(Trace, names_its_judge_and_its_step) {
  const std::string csv =
      "#deploy=20\n#judge=fixed\n#step=10\n#set=threshold=5\nsecond,host,role,errors,lines\n0,a,canary,1,9\n20,a,"
      "canary,3,9\n";
  const auto trace = parse_trace(csv);
  ASSERT_TRUE(trace) << trace.error().text;
  EXPECT_EQ(trace->judge, "fixed");
  EXPECT_EQ(trace->step, 10);
  EXPECT_EQ(trace_csv(*trace), csv);
}

}  // namespace
}  // namespace serin::judge
