#include "controller/controller_config.h"

#include <gtest/gtest.h>

#include <random>

#include "protocol/text.h"
#include "tests/support/sample_file.h"

namespace serin::controller {
namespace {

using namespace std::chrono_literals;

std::string mistakes(const std::string& toml) {
  const auto settings = parse_controller_settings(toml, "c.toml");
  return settings ? "" : settings.error().text;
}

constexpr const char* kEverything = R"(
state_dir = "/tmp/state/"
run_dir = "/tmp/run"
operators_group = ""
listen = "127.0.0.1"
orders_port = 4800
content_port = 4801
heartbeat = "500ms"
lease = "1500ms"
announce = ["/bin/tell", "ops"]
log_level = "debug"
[application.shop]
source = "/srv/staging"
exclude = ["*.swp", "/cache/**/tmp/", ".git"]
hosts = ["web-[0-9][0-9]", "db?"]
canary = ["label:canary", "web-01"]
proxies = ["label:proxy"]
judge = "fixed"
horizon = "90s"
settle = "5s"
baseline = "2m"
tolerated = 1.25
bad = 1.75
excess_fail = 0.05
excess_pass = 0.1
hold_back = 0
hold_back_until = "30s"
wait = "4s"
threshold = 5
floor = 0
hosts_over = 2
baseline_min = "15s"
silence_max = "5s"
min_canaries = 1
max_in_flight = 3
failure_limit = "2.5%"
step_deadline = "30s"
hold_limit = "1h"
on_inconclusive = "extend"
extend = "2m"
on_hold_end = "keep"
on_canary_lost = "hold"
trust_after = "0s"
watch = "5m"
on_alarm = "take-back"
delete_limit_percent = 100
[application.blog]
source = "/srv/blog"
)";

TEST(ControllerConfig, reads_every_key) {
  const auto settings = parse_controller_settings(kEverything, "c.toml");
  ASSERT_TRUE(settings) << settings.error().text;
  const ControllerSettings expected{
      .state_dir = "/tmp/state",
      .run_dir = "/tmp/run",
      .operators_group = "",
      .listen = "127.0.0.1",
      .orders_port = 4800,
      .content_port = 4801,
      .heartbeat = 500ms,
      .lease = 1500ms,
      .announce = {"/bin/tell", "ops"},
      .log_level = "debug",
      .applications = {
          {"blog", {.name = "blog", .source = "/srv/blog"}},
          {"shop",
           {.name = "shop",
            .source = "/srv/staging",
            .exclude = {"*.swp", "/cache/**/tmp/", ".git"},
            .hosts = {{"web-[0-9][0-9]", "db?"}},
            .canary = {{"label:canary", "web-01"}},
            .proxies = {{"label:proxy"}},
            .judge = JudgeKind::fixed,
            .settle_is_set = true,
            .fixed = {.wait = 4s, .threshold = 5, .floor = 0, .hosts_over = 2, .baseline_min = 15s, .silence_max = 5s},
            .sequential = {.baseline = 120s,
                           .baseline_min = 15s,
                           .settle = 5s,
                           .horizon = 90s,
                           .tolerated = 1.25,
                           .bad = 1.75,
                           .excess_fail = 0.05,
                           .excess_pass = 0.1},
            .hold_back = {0, 0},
            .hold_back_until = 30s,
            .min_canaries = 1,
            .max_in_flight = {3, 0},
            .failure_limit = {0, 2.5},
            .step_deadline = 30s,
            .hold_limit = 1h,
            .on_inconclusive = OnInconclusive::extend,
            .extend = 2min,
            .on_hold_end = OnHoldEnd::keep,
            .on_canary_lost = OnCanaryLost::hold,
            .trust_after = 0s,
            .watch = 5min,
            .on_alarm = OnAlarm::take_back,
            .delete_limit_percent = 100}}}};
  EXPECT_EQ(*settings, expected);
}

TEST(ControllerConfig, starts_without_any_application) {
  EXPECT_EQ(parse_controller_settings("", "c.toml"), ControllerSettings{});
  EXPECT_EQ(parse_controller_settings("[application]", "c.toml"), ControllerSettings{});
}

struct Mistake {
  std::string toml;
  std::string text;  ///< after "c.toml:"
};

TEST(ControllerConfig, refuses_a_daemon_that_could_not_run) {
  const Mistake rows[] = {
      {"state_dir = \"state\"",
       R"(1: state_dir: "state" is not absolute; write the whole path from the root, such as "/var/lib/serin")"},
      {"run_dir = \"\"", R"(1: run_dir: "" is empty; write for instance "/run/serin")"},
      {"operators_group = \"a b\"",
       R"(1: operators_group: "a b" is no group's name; a group of this machine, or "" for the daemon's user only)"},
      {"listen = \"tcp://*\"",
       R"(1: listen: "tcp://*" is no address; "*" for all, or an address or a network interface of this machine)"},
      {"orders_port = 0", "1: orders_port: 0 is out of range; from 1 to 65535"},
      {"content_port = 65536", "1: content_port: 65536 is out of range; from 1 to 65535"},
      {"orders_port = 4701", "1: orders_port: 4701 is the port of both sockets; two different ports"},
      {"content_port = 4700\norders_port = 4700",
       "1: content_port: 4700 is the port of both sockets; two different ports"},
      {"content_rate = \"999kB\"",
       "1: content_rate: so few bytes for all hosts would never end; from 1MB, or \"0B\" for no bound"},
      {"heartbeat = \"99ms\"", R"(1: heartbeat: "99ms" is out of range; from 100ms to 1m)"},
      {"lease = \"5999ms\"",
       "1: lease: a lease of 5999ms is less than 3 heartbeats of 2s: one lost message makes a host silent; "
       R"(lease = "6s" or more)"},
      {"heartbeat = \"11s\"",
       "1: heartbeat: a lease of 30s is less than 3 heartbeats of 11s: one lost message makes a host silent; "
       R"(lease = "33s" or more)"},
      {"announce = \"/bin/tell\"",
       R"(1: announce: "/bin/tell" is text; a list is needed, such as ["/usr/local/bin/tell-chat", "--room", "ops"])"},
      {"log_level = \"loud\"",
       R"(1: log_level: "loud" is none of the choices; "trace", "debug", "info", "warning" or "error")"},
      {"orders_prot = 1", "1: orders_prot: is unknown at the top of the file; did you mean orders_port?"},
      {"[aplication.shop]", "1: aplication: is unknown at the top of the file; did you mean application?"},
      {"application = 1", "1: application: 1 is a whole number; a table is needed, such as [application.NAME]"},
      {"[[application]]", "1: application: a list stands here; a table is needed, such as [application.NAME]"},
      {"[application]\nshop = 1",
       "2: application.shop: 1 is a whole number; a table is needed, such as [application.NAME]"},
      {"[application.\"a/b\"]",
       "1: application.\"a/b\": is no application's name; letters, digits, '.', '-' and '_', not first '.' or '-', at "
       "most 64 bytes"},
      {"[application.shop]",
       R"(1: application.shop.source: is missing in [application.shop]; add source = "/srv/staging/shop")"},
      {"a = ",
       "1:5: Error while parsing key-value pair: encountered end-of-file; text and durations stand in quotes, "
       "lists in [ ], see https://toml.io/en/v1.0.0"},
  };
  for (const Mistake& row : rows) EXPECT_EQ(mistakes(row.toml), "c.toml:" + row.text);
  EXPECT_EQ(mistakes("lease = \"6s\""), "") << "three heartbeats are enough";
}

TEST(ControllerConfig, refuses_an_application_that_could_not_be_rolled_out) {
  const std::string exclude_right =
      R"(; a name at any depth, such as "*.swp", or a path from source, such as "/cache/[0-9]*")";
  const std::string host_right = R"(; a host's name, a pattern with *, ? and [0-9], or "label:LABEL")";
  const Mistake rows[] = {
      {"hosts = []", "hosts: is empty: the application runs nowhere; leave the key out for every host"},
      {"canary = \"web-01\"", R"(canary: "web-01" is text; a list is needed, such as ["label:canary"])"},
      {"canary = [1]", R"(canary: 1 is a whole number; text in quotes is needed, such as ["label:canary"])"},
      {"canary = [\"\"]", R"(canary: "" is empty; write for instance ["label:canary"])"},
      {"canary = [\"web-[0-9\"]", R"(canary: "web-[0-9" has a [ without its ])" + host_right},
      {"canary = [\"web-[!0]\"]", R"(canary: "web-[!0]" leaves characters out with [! or [^)" + host_right},
      {"canary = [\"web 1\"]", R"(canary: "web 1" holds " ", which no host's name does)" + host_right},
      {"canary = [\"Label:x\"]", R"(canary: "Label:x" holds ":", which no host's name does)" + host_right},
      {"proxies = [\"web-1]\"]", R"(proxies: "web-1]" holds "]", which no host's name does)" + host_right},
      {"hosts = [\"label:\"]", R"(hosts: "label:" names no label; label: and a whole label, such as "label:canary")"},
      {"hosts = [\"label:ca*\"]",
       R"(hosts: "label:ca*" names no label; label: and a whole label, such as "label:canary")"},
      {"exclude = [\"/\"]", R"(exclude: "/" names nothing)" + exclude_right},
      {"exclude = [\"./tmp\"]", R"(exclude: "./tmp" goes through . or ..)" + exclude_right},
      {"exclude = [\"a[/b]\"]", R"(exclude: "a[/b]" has a [ without its ])" + exclude_right},
      {"judge = \"fair\"", R"(judge: "fair" is none of the choices; "sequential" or "fixed")"},
      {"horizon = \"7s\"", R"(horizon: "7s" is out of range; from 8s to 7m)"},
      {"horizon = \"10500ms\"", R"(horizon: 10500ms is no whole number of seconds; whole seconds)"},
      {"settle = \"61s\"", R"(settle: "61s" is out of range; from 0ms to 1m)"},
      {"baseline = \"301s\"", R"(baseline: "301s" is out of range; from 10s to 5m)"},
      {"tolerated = 0.9", "tolerated: 0.9 is out of range; from 1 to 100"},
      {"bad = 1.5",
       "bad: bad = 1.5 is not more than tolerated = 1.5: nothing could be decided; bad = 2.0, tolerated = 1.5"},
      {"excess_pass = 0", "excess_pass: 0 is out of range; from 0.001 to 1000000"},
      {"hold_back = \"0%\"", R"(hold_back: "0%" is out of range; more than 0%, at most 100%)"},
      {"wait = 20", R"(wait: 20 is a whole number; a duration with its unit, in quotes, is needed, such as "20s")"},
      {"wait = \"8m\"", R"(wait: "8m" is out of range; from 1s to 7m)"},
      {"threshold = 0.9", "threshold: 0.9 is out of range; from 1 to 1000000"},
      {"floor = -0.1", "floor: -0.1 is out of range; from 0 to 1000000"},
      {"floor = inf", "floor: inf is out of range; from 0 to 1000000"},
      {"hosts_over = -1", "hosts_over: -1 is out of range; from 0 to 1000000"},
      {"hosts_over = 1.0", "hosts_over: 1 is a number with a fraction; a whole number is needed, such as 2"},
      {"baseline_min = \"61m\"", R"(baseline_min: "61m" is out of range; from 1s to 1h)"},
      {"silence_max = \"500ms\"", R"(silence_max: "500ms" is out of range; from 1s to 2m)"},
      {"min_canaries = \"all\"", R"(min_canaries: "all" is text; a whole number is needed, such as 2)"},
      {"max_in_flight = 0", "max_in_flight: 0 is out of range; from 1 to 1000000"},
      {"failure_limit = \"101%\"", R"(failure_limit: "101%" is out of range; more than 0%, at most 100%)"},
      {"step_deadline = \"0s\"", R"(step_deadline: "0s" is out of range; from 1s to 24h)"},
      {"hold_limit = \"8d\"",
       R"(hold_limit: "8d" is no duration; write numbers with the units h, m, s or ms, such as "30m")"},
      {"on_inconclusive = \"go\"", R"(on_inconclusive: "go" is none of the choices; "hold", "abort" or "extend")"},
      {"on_hold_end = \"go\"", R"(on_hold_end: "go" is none of the choices; "abort" or "keep")"},
      {"on_canary_lost = \"go\"", R"(on_canary_lost: "go" is none of the choices; "fail" or "hold")"},
      {"trust_after = \"169h\"", R"(trust_after: "169h" is out of range; from 0ms to 168h)"},
      {"delete_limit_percent = 101", "delete_limit_percent: 101 is out of range; from 0 to 100"},
      {"orders_port = 1",
       "orders_port: is unknown in [application.shop]; it belongs at the top of the file, above the first [table]"},
      {"canaries = []", "canaries: is unknown in [application.shop]; did you mean canary?"},
      {"[application.shop.wait]",
       R"(wait: a table stands here; a duration with its unit, in quotes, is needed, such as "20s")"},
  };
  for (const Mistake& row : rows) {
    EXPECT_EQ(mistakes("[application.shop]\nsource = \"/srv/shop\"\n" + row.toml),
              "c.toml:3: application.shop." + row.text);
  }
}

TEST(ControllerConfig, refuses_a_source_that_holds_the_daemons_own_state) {
  const std::string application = "[application.shop]\nsource = \"/srv/serin\"";
  EXPECT_EQ(mistakes("state_dir = \"/srv/serin/state\"\n" + application),
            "c.toml:3: application.shop.source: state_dir \"/srv/serin/state\" lies in \"/srv/serin\": releases would "
            "hold the daemon's keys; name a folder of the application alone");
  EXPECT_EQ(mistakes("state_dir = \"/srv/serin-state\"\n" + application), "");
}

TEST(ControllerConfig, tells_all_mistakes_at_once_in_the_order_of_the_file) {
  EXPECT_EQ(
      mistakes("[application.b]\nwait = 1\n[application.a]\nsource = \"/a\"\nfloor = \"x\"\n"),
      "c.toml:1: application.b.source: is missing in [application.b]; add source = \"/srv/staging/shop\"\n"
      "c.toml:2: application.b.wait: 1 is a whole number; a duration with its unit, in quotes, is needed, such as "
      "\"20s\"\n"
      "c.toml:5: application.a.floor: \"x\" is text; a number is needed, such as 0.1");
}

TEST(ControllerSample, is_good_and_shows_the_defaults_that_are_true) {
  const std::string sample = testing::read_sample("controller.toml");
  ControllerSettings expected;
  expected.applications["shop"] = {.name = "shop", .source = "/srv/staging/shop", .canary = {{"label:canary"}}};
  const auto as_it_is = parse_controller_settings(sample, "controller.toml");
  ASSERT_TRUE(as_it_is) << as_it_is.error().text;
  EXPECT_EQ(*as_it_is, expected);
  const auto with_defaults = parse_controller_settings(testing::with_defaults_set(sample), "controller.toml");
  ASSERT_TRUE(with_defaults) << with_defaults.error().text;
  EXPECT_EQ(*with_defaults, expected);
}

TEST(ControllerSample, explains_every_key_that_is_read_and_no_other) {
  std::vector<std::string> names;
  for (const auto& key : testing::sample_keys(testing::read_sample("controller.toml"))) {
    names.push_back(key.name);
    EXPECT_NE(key.explanation, "") << key.name;
  }
  EXPECT_EQ(names, known_controller_keys());
}

TEST(ControllerSample, damaged_anywhere_is_good_or_refused_in_lines_that_are_safe_to_print) {
  const std::string sample = testing::with_defaults_set(testing::read_sample("controller.toml"));
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    const std::string text = mistakes(testing::damaged(sample, round, random));
    EXPECT_EQ(printable_lines(text, text.size()), text);
  }
}

}  // namespace
}  // namespace serin::controller
