#include "controller/evidence/source_config.h"

#include <gtest/gtest.h>

#include "controller/controller_config.h"

namespace serin::evidence {
namespace {

using namespace std::chrono_literals;

constexpr const char* kHead = "[application.shop]\nsource = \"/srv/shop\"\n";
constexpr const char* kLogstash =
    "[application.shop.logstash]\nurl = \"https://logs:9200/\"\nerrors = { level = [\"ERROR\"] }\n";

controller::ApplicationSettings read(const std::string& toml) {
  const auto settings = controller::parse_controller_settings(kHead + toml, "c.toml");
  EXPECT_TRUE(settings) << settings.error().text;
  return settings ? settings->applications.at("shop") : controller::ApplicationSettings{};
}

std::string mistakes(const std::string& toml) {
  const auto settings = controller::parse_controller_settings(kHead + toml, "c.toml");
  return settings ? "" : settings.error().text;
}

TEST(SourceConfig, is_the_agents_alone_by_default) {
  EXPECT_EQ(read("").sources, (std::vector<SourceChoice>{{SourceKind::agents, true}}));
}

TEST(SourceConfig, reads_everything) {
  const auto shop = read(R"toml(wait = "30s"
threshold = 5
sources = ["agents", "logstash", "prometheus"]
advisory = ["prometheus"]
[application.shop.logstash]
url = "https://logs:9200/es/"
user = "serin"
password_file = "/etc/serin/logs"
ca_file = "/etc/serin/ca.pem"
connect_timeout = "1s"
timeout = "4s"
index = "logs-*,app-*"
host_field = "host.hostname"
time_field = "ts"
message_field = ""
where = { labels.env = ["prod", "edge"], "service.name" = "shop" }
errors = [{ level = ["ERROR", "FATAL"] }, { channel = "fatal" }]
except = { level = "DEBUG" }
errors_only = true
host_names = "full"
domain = "example.org"
step = "5s"
baseline = "30m"
delay = "3s"
delay_max = "90s"
wait = "40s"
floor = 0.5
baseline_min = "2m"
[application.shop.prometheus]
url = "http://prometheus:9090"
errors = 'errors_total{instance=~"$hosts",code=~"5(0.)"}'
requests = 'requests_total{instance=~"$hosts"}'
host_label = "host"
scrape = "10s"
absent_is_zero = true
api_key_file = "/etc/serin/token"
)toml");
  EXPECT_EQ(shop.sources,
            (std::vector<SourceChoice>{
                {SourceKind::agents, true}, {SourceKind::logstash, true}, {SourceKind::prometheus, false}}));
  SourceSettings logstash{.http = {.url = "https://logs:9200/es",
                                   .user = "serin",
                                   .password_file = "/etc/serin/logs",
                                   .ca_file = "/etc/serin/ca.pem",
                                   .connect_timeout = 1s,
                                   .timeout = 4s},
                          .fixed = {.wait = 40s, .threshold = 5, .floor = 0.5, .baseline_min = 2min},
                          .step = 5s,
                          .baseline = 30min,
                          .delay = 3s,
                          .delay_max = 90s,
                          .host_naming = HostNaming::full_name,
                          .domain = "example.org"};
  logstash.logstash = {.index = "logs-*,app-*",
                       .host_field = "host.hostname",
                       .time_field = "ts",
                       .message_field = "",
                       .where = {{"labels.env", {"prod", "edge"}}, {"service.name", {"shop"}}},
                       .errors = {{{"level", {"ERROR", "FATAL"}}}, {{"channel", {"fatal"}}}},
                       .except = {{"level", {"DEBUG"}}},
                       .errors_only = true};
  EXPECT_EQ(shop.logstash.http, logstash.http);
  EXPECT_EQ(shop.logstash.fixed, logstash.fixed);
  EXPECT_EQ(shop.logstash.logstash, logstash.logstash);
  EXPECT_EQ(shop.logstash, logstash);
  EXPECT_EQ(shop.prometheus.fixed.wait, 30s) << "the application's own";
  EXPECT_EQ(shop.prometheus.step, 15s) << "Prometheus looks at a host no more often";
  EXPECT_TRUE(shop.prometheus.prometheus.absent_is_zero);
}

struct Case {
  std::string toml, said;
};

TEST(SourceConfig, names_every_mistake) {
  const std::string both = "sources = [\"agents\", \"logstash\"]\n";
  const std::string prometheus = "[application.shop.prometheus]\nurl = \"http://p\"\n";
  const Case cases[] = {
      {"sources = []\n", "[] names no source"},
      {"sources = [\"agents\", \"agents\"]\n", "\"agents\" stands twice"},
      {"sources = [\"kibana\"]\n", "none of the choices"},
      {both, "names logstash, and there is no table of it"},
      {both + "[application.shop.logstash]\n", "c.toml:4: application.shop.logstash.url: is missing"},
      {both + "advisory = [\"prometheus\"]\n" + kLogstash, "\"prometheus\" is none of the sources"},
      {both + "advisory = [\"agents\", \"logstash\"]\n" + kLogstash, "no source is left to decide"},
      {both + kLogstash + "url = 1\n", "url"},
      {both + kLogstash + "judge = \"sequential\"\n", "the sequential judge looks at single seconds, and step is 10s"},
      {both + kLogstash + "judge = \"sequential\"\nstep = \"1s\"\n", "looks at no more than 5m of the past"},
      {both + kLogstash + "user = \"x\"\n", "a user and a password belong together"},
      {both + kLogstash + "host_names = \"full\"\n", "full names need a domain"},
      {both + kLogstash + "delay = \"2m\"\n", "delay is more than delay_max"},
      {both + kLogstash + "baseline = \"24h\"\nstep = \"5s\"\n", "are more than 8000 numbers for each host"},
      {both + kLogstash + "index = \"a b\"\n", "\"a b\" is no index"},
      {both + kLogstash + "indx = \"a\"\n", "application.shop.logstash.indx: is unknown"},
      {both + "[application.shop.logstash]\nurl = \"https://u:p@logs\"\nerrors = { a = \"b\" }\n",
       "no address of a server"},
      {both + "[application.shop.logstash]\nurl = \"ftp://logs\"\nerrors = { a = \"b\" }\n", "no address of a server"},
      {both + "[application.shop.logstash]\nurl = \"http://logs\"\nerrors = {}\n",
       "{} would make every document an error"},
      {prometheus + "errors = 'errors_total'\n", "names no hosts: other machines' errors would count"},
      {prometheus + "errors = 'sum(errors_total{i=~\"$hosts\"})'\n", "is more than a selector"},
      {prometheus + "errors = 'e{i=~\"$hosts\"} - f{i=~\"$hosts\"}'\n", "is more than a selector"},
      {prometheus + "errors = 'e{i=~\"$hosts\"} offset 5m'\n", "is more than a selector"},
      {prometheus + "errors = 'e{i=~\"$hosts\"}[1m]'\n", "is more than a selector"},
      {prometheus + "errors = 'e{i=~\"$hosts\"'\n", "is more than a selector"},
      {prometheus + "errors = 'e{i=~\"$hosts\"}'\nstep = \"5s\"\n", "is less than the 15s between two looks"},
      {prometheus + "errors = 'e{i=~\"$hosts\"}'\nabsent_is_zero = true\n", "nothing shows that a host is looked at"},
  };
  for (const Case& one : cases) {
    EXPECT_NE(mistakes(one.toml).find(one.said), std::string::npos) << one.toml << mistakes(one.toml);
  }
  EXPECT_EQ(mistakes(both + kLogstash), "");
  EXPECT_EQ(mistakes(prometheus + "errors = ' job:e_total{ i=~\"$hosts\", path!~`/(a|b){2}}` } '\n"), "");
  EXPECT_EQ(
      mistakes(prometheus + "kind = \"gauge\"\nerrors = 'sum by (instance) (rate(e{instance=~\"$hosts\"}[1m]))'\n"),
      "");
}

TEST(SourceConfig, a_sequential_judge_may_look_at_a_source_of_seconds) {
  const auto shop = read("sources = [\"logstash\"]\n" + std::string(kLogstash) +
                         "judge = \"sequential\"\nstep = \"1s\"\nbaseline = \"300s\"\n");
  EXPECT_EQ(shop.logstash.judge, judge::JudgeKind::sequential);
  EXPECT_TRUE(controller::is_compared(shop));
}

}  // namespace
}  // namespace serin::evidence
