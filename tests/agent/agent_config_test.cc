#include "agent/agent_config.h"

#include <gtest/gtest.h>

#include <random>

#include "protocol/text.h"
#include "tests/support/sample_file.h"

namespace serin::agent {
namespace {

using namespace std::chrono_literals;

/// 32 bytes of 'A' to … as digits: no key of anybody.
std::string hex(char letter) {
  const char* digits = "0123456789abcdef";
  std::string text = "00";
  for (int i = 1; i < 32; ++i) text += {digits[static_cast<unsigned char>(letter) / 16], digits[letter % 16]};
  return text;
}
std::string key(char letter) {
  return '\0' + std::string(31, letter);
}

const std::string kDaemon = "controller = \"tcp://deploy1:4700\"\ncontroller_keys = [\"" + hex('A') +
                            "\"]\nrelease_keys = [\"" + hex('B') + "\"]\n";
const std::string kShop = kDaemon + "[application.shop]\nlive = \"/srv/shop/live\"\n";  // lines 1 to 5

std::string mistakes(const std::string& toml) {
  const auto settings = parse_agent_settings(toml, "a.toml");
  return settings ? "" : settings.error().text;
}

TEST(AgentConfig, reads_every_key) {
  const auto settings = parse_agent_settings("state_dir = \"/tmp/state\"\nlog_level = \"error\"\n" + kDaemon + R"(
[application.shop]
live = "/srv/shop/live"
slots_dir = "/srv/slots/shop/"
slots = 5
idle_grace = "0s"
keep = ["uploads/", "config/local.php"]
keep_dir = "/srv/kept"
share = "reflink"
adopt = "set-aside"
reload = ["/bin/reload", "--fast"]
reload_timeout = "5s"
check = ["/bin/check"]
check_timeout = "1m"
[[application.shop.source]]
path = "/var/log/shop/*.log"
[[application.shop.source]]
path = "/var/log/php.log"
[[application.shop.rule]]
name = "fatal"
match = 'PHP (Fatal|Parse) error'
unless = 'health\d'
[[application.shop.rule]]
name = "five-hundred"
match = '" 5\d\d '
[application.blog]
live = "/srv/blog/live"
)",
                                             "a.toml");
  ASSERT_TRUE(settings) << settings.error().text;
  const AgentSettings expected{
      .state_dir = "/tmp/state",
      .controller = "tcp://deploy1:4700",
      .controller_keys = {key('A')},
      .release_keys = {key('B')},
      .log_level = "error",
      .applications = {{"blog",
                        {.name = "blog",
                         .live = "/srv/blog/live",
                         .slots_dir = "/srv/blog/live.slots",
                         .keep_dir = "/srv/blog/live.kept"}},
                       {"shop",
                        {.name = "shop",
                         .live = "/srv/shop/live",
                         .slots_dir = "/srv/slots/shop",
                         .slots = 5,
                         .idle_grace = 0s,
                         .keep = {{"uploads", true}, {"config/local.php", false}},
                         .keep_dir = "/srv/kept",
                         .share = Share::reflink,
                         .adopt = Adopt::set_aside,
                         .reload = {.argv = {"/bin/reload", "--fast"}, .timeout = 5s},
                         .check = {.argv = {"/bin/check"}, .timeout = 1min},
                         .sources = {{.path = "/var/log/shop/*.log"}, {.path = "/var/log/php.log"}},
                         .rules = {{.name = "fatal", .match = "PHP (Fatal|Parse) error", .unless = R"(health\d)"},
                                   {.name = "five-hundred", .match = R"(" 5\d\d )", .unless = ""}}}}}};
  EXPECT_EQ(*settings, expected);
}

TEST(AgentConfig, takes_every_form_of_a_controllers_address) {
  for (const char* good : {"tcp://deploy1.example.org:1", "tcp://10.0.0.1:65535", "tcp://[2001:db8::1]:4700"}) {
    const auto settings = parse_agent_settings(
        std::string{"controller = \""} + good + "\"\n" + kDaemon.substr(kDaemon.find('\n') + 1), "a.toml");
    ASSERT_TRUE(settings) << settings.error().text;
    EXPECT_EQ(settings->controller, good);
  }
}

TEST(AgentConfig, refuses_anything_else_as_a_controllers_address) {
  for (const char* wrong : {"deploy1:4700", "tcp://deploy1", "tcp://deploy1:", "tcp://deploy1:0", "tcp://deploy1:65536",
                            "tcp://deploy1:+1", "tcp://:4700", "tcp://*:4700", "tcp://a b:4700", "ipc:///run/x:4700",
                            "tcp://[]:4700", "tcp://2001:db8::1:4700", "tcp://deploy1:4700/", "TCP://deploy1:4700"}) {
    EXPECT_EQ(mistakes(std::string{"controller = \""} + wrong + "\"\n" + kDaemon.substr(kDaemon.find('\n') + 1)),
              std::string{"a.toml:1: controller: \""} + wrong +
                  "\" is no address of a controller; tcp://HOST:PORT with a port from 1 to 65535, such as "
                  "\"tcp://deploy1.example.org:4700\"");
  }
}

TEST(AgentConfig, refuses_a_proxy_that_is_so_slow_that_hosts_would_do_without_it) {
  EXPECT_EQ(mistakes("proxy_rate = \"199kB\"\n" + kDaemon),
            "a.toml:1: proxy_rate: hosts would do without a proxy that is so slow; from 200kB, or \"0B\" for no bound");
  EXPECT_EQ(mistakes("proxy_rate = 0\n" + kDaemon),
            "a.toml:1: proxy_rate: 0 is a whole number; a size with its unit, in quotes, is needed, such as \"20MB\"");
  EXPECT_EQ(mistakes("proxy_rate = \"0B\"\n" + kDaemon), "");
}

struct Mistake {
  std::string toml;
  std::string text;  ///< after "a.toml:"
};

TEST(AgentConfig, says_what_it_cannot_do_without) {
  EXPECT_EQ(
      mistakes(""),
      "a.toml:1: controller: is missing at the top of the file; add controller = "
      "\"tcp://deploy1.example.org:4700\"\n"
      "a.toml:1: controller_keys: is missing at the top of the file; add controller_keys = [\"64 HEXADECIMAL "
      "DIGITS\"]\n"
      "a.toml:1: release_keys: is missing at the top of the file; add release_keys = [\"64 HEXADECIMAL DIGITS\"]");
}

TEST(AgentConfig, takes_only_keys_and_never_shows_what_it_refuses) {
  const std::string right = "; 64 hexadecimal digits, as serin-controller --print-keys says";
  const Mistake rows[] = {
      {"[]", "is an empty list: nobody would be trusted; at least one key, as serin-controller --print-keys says"},
      {'"' + hex('A') + '"', "TYPE"},
      {"[\"" + hex('A').substr(1) + "\"]", "63 characters that are no key" + right},
      {"[\"g" + hex('A').substr(1) + "\"]", "64 characters that are no key" + right},
      {"[\"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\"]", "40 characters that are no key" + right},
      {"[\"" + hex('A') + "\", \"" + hex('A') + "\"]", "the same key stands here twice; each key once"},
      {"[\"" + std::string(64, '0') + "\"]",
       "a placeholder stands where a key must; the key that serin-controller --print-keys says"},
  };
  for (const Mistake& row : rows) {
    const std::string text = mistakes("controller = \"tcp://deploy1:4700\"\nrelease_keys = [\"" + hex('B') +
                                      "\"]\ncontroller_keys = " + row.toml);
    if (row.text == "TYPE") {
      EXPECT_EQ(text, "a.toml:3: controller_keys: \"" + hex('A') +
                          "\" is text; a list is needed, such as [\"64 HEXADECIMAL DIGITS\"]");
    } else {
      EXPECT_EQ(text, "a.toml:3: controller_keys: " + row.text);
    }
  }
}

TEST(AgentConfig, refuses_an_application_that_could_not_be_applied) {
  const Mistake rows[] = {
      {"slots_dir = \"slots\"",
       R"(slots_dir: "slots" is not absolute; write the whole path from the root, such as "/srv/shop/current.slots")"},
      {"slots_dir = \"/srv/shop\"",
       R"(slots_dir: live "/srv/shop/live" lies in slots_dir "/srv/shop"; a folder beside the live path, on the same )"
       "filesystem; or leave slots_dir out"},
      {"slots_dir = \"/srv/shop/live/slots\"",
       R"(slots_dir: slots_dir "/srv/shop/live/slots" lies in live "/srv/shop/live", which is a link into it; a folder )"
       "beside the live path, on the same filesystem; or leave slots_dir out"},
      {"slots = 1", "slots: 1 is out of range; from 2 to 100"},
      {"idle_grace = \"25h\"", R"(idle_grace: "25h" is out of range; from 0ms to 24h)"},
      {"reload = \"systemctl reload x\"",
       R"(reload: "systemctl reload x" is text; a list is needed, such as ["/usr/bin/systemctl", "reload", "php8.2-fpm"])"},
      {"reload = [\"systemctl\"]",
       R"(reload: "systemctl" is no absolute path; the program is named by its whole path and no shell runs it, such as )"
       R"(["/usr/bin/systemctl", "reload", "php8.2-fpm"])"},
      {"reload_timeout = 30",
       R"(reload_timeout: 30 is a whole number; a duration with its unit, in quotes, is needed, such as "30s")"},
      {"check = [\"\"]",
       R"(check: "" is no absolute path; the program is named by its whole path and no shell runs it, such as )"
       R"(["/usr/bin/curl", "-fsS", "http://127.0.0.1/health"])"},
      {"check_timeout = \"2h\"", R"(check_timeout: "2h" is out of range; from 1s to 1h)"},
      {"relaod = []", "relaod: is unknown in [application.shop]; did you mean reload?"},
      {"match = 'x'", "match: is unknown in [application.shop]; it belongs under [[application.NAME.rule]]"},
      {"[application.shop.source]",
       "source: a table stands here; a list is needed, such as [[application.NAME.source]]"},
      {"source = []\nrule = []",
       "source: is an empty list; leave it out\na.toml:7: application.shop.rule: is an empty "
       "list; leave it out"},
      {"[[application.shop.source]]\npath = \"/var/log/a\"",
       "source: has no rule: no line would count as an error; add [[application.shop.rule]] with name and match, or "
       "preset "
       "to the source"},
      {"[[application.shop.rule]]\nname = \"a\"\nmatch = 'a'",
       "rule: has no source: there is nothing to count in; add [[application.shop.source]] with path or journal"},
  };
  for (const Mistake& row : rows) {
    std::string text = row.text;
    if (row.toml.starts_with("[application.shop.source]")) {
      text +=
          "\na.toml:6: application.shop.source: has no rule: no line would count as an error; add "
          "[[application.shop.rule]] with name and match, or preset to the source";
    }
    EXPECT_EQ(mistakes(kShop + row.toml), "a.toml:6: application.shop." + text);
  }
  EXPECT_EQ(mistakes(kDaemon + "[application.shop]\nslots = 3"),
            "a.toml:4: application.shop.live: is missing in [application.shop]; add live = \"/srv/shop/current\"");
  EXPECT_EQ(mistakes(kDaemon + "[application.shop]\nlive = \"/\""),
            "a.toml:5: application.shop.live: \"/\" cannot be a link; the path of a link that Serin makes");
  EXPECT_EQ(mistakes(kDaemon + "[application.-x]"),
            "a.toml:4: application.-x: is no application's name; letters, digits, '.', '-' and '_', not first '.' or "
            "'-', at most 64 bytes");
}

TEST(AgentConfig, refuses_kept_paths_that_cannot_be_links) {
  const std::string right = R"(relative, without . and .., such as "uploads/" or "config/local.php")";
  const std::string once = "each path once, and not what lies in a kept folder";
  const std::string beside = "a folder beside the live path, on the same filesystem; or leave keep_dir out";
  const Mistake rows[] = {
      {"keep = [\"/uploads\"]", R"(keep: "/uploads" is no path in a release; )" + right},
      {"keep = [\"a/../b\"]", R"(keep: "a/../b" is no path in a release; )" + right},
      {"keep = [\"./a\"]", R"(keep: "./a" is no path in a release; )" + right},
      {"keep = [\"/\"]", R"(keep: "/" is no path in a release; )" + right},
      {"keep = [\"a//\"]", R"(keep: "a//" is no path in a release; )" + right},
      {"keep = [\"a\", \"b\", \"a/\"]", R"(keep: "a/" stands here twice; )" + once},
      {"keep = [\"a/b\", \"a\"]", R"(keep: "a" and "a/b": one lies in the other; )" + once},
      {"keep = [\"a\", \"a/b/c\"]", R"(keep: "a/b/c" and "a": one lies in the other; )" + once},
      {"keep_dir = \"/srv/shop/live/kept\"\nkeep = [\"a\"]",
       R"(keep_dir: keep_dir "/srv/shop/live/kept" lies in live "/srv/shop/live"; )" + beside},
      {"keep_dir = \"/srv/shop/live.slots\"\nkeep = [\"a\"]",
       R"(keep_dir: keep_dir "/srv/shop/live.slots" lies in slots_dir "/srv/shop/live.slots"; )" + beside},
      {"keep_dir = \"/srv\"\nkeep = [\"live\"]",
       R"(keep_dir: live "/srv/shop/live" lies in /srv/shop/live, which is kept; )" + beside},
      {"share = \"links\"", R"(share: "links" is none of the choices; "auto", "reflink", "hardlink" or "copy")"},
      {"adopt = \"yes\"", R"(adopt: "yes" is none of the choices; "refuse" or "set-aside")"},
  };
  for (const Mistake& row : rows) EXPECT_EQ(mistakes(kShop + row.toml), "a.toml:6: application.shop." + row.text);
  EXPECT_EQ(mistakes(kShop + "keep = [\"ab\", \"a\", \"a-b/c\"]"), "") << "names, not prefixes";
}

TEST(AgentConfig, keeps_applications_out_of_each_others_trees) {
  const Mistake rows[] = {
      {"live = \"/srv//shop/live/\"",
       R"(7: application.two.live: "/srv/shop/live" is the live path of shop too; a path of its own for each application)"},
      {"live = \"/srv/two\"\nslots_dir = \"/srv/shop/live.slots\"",
       R"(8: application.two.slots_dir: "/srv/shop/live.slots" holds the slots of shop too; a folder of its own for each )"
       "application"},
      {"live = \"/srv/shop/live.slots/two\"",
       R"(7: application.two.live: "/srv/shop/live.slots/two" lies in the slots of shop; a path outside of them: slots )"
       "are overwritten"},
      {"live = \"/srv/two\"\nslots_dir = \"/srv/shop\"",
       R"(8: application.two.slots_dir: "/srv/shop" holds the live path of shop; a folder of its own for each application)"},
  };
  for (const Mistake& row : rows) EXPECT_EQ(mistakes(kShop + "[application.two]\n" + row.toml), "a.toml:" + row.text);
  EXPECT_EQ(mistakes(kShop + "[application.two]\nlive = \"/srv/shop/live2\""), "");
}

TEST(AgentConfig, takes_as_many_applications_as_a_host_may_have) {
  std::string toml = kDaemon;
  const auto application = [](int i) {
    return "[application.a" + std::to_string(i) + "]\nlive = \"/srv/" + std::to_string(i) + "\"\n";
  };
  for (int i = 0; i < 64; ++i) toml += application(i);
  EXPECT_EQ(mistakes(toml), "");
  EXPECT_EQ(mistakes(toml + application(64)), "a.toml:4: application: has 65 applications; at most 64 on one host");
}

TEST(AgentSample, is_good_and_shows_the_defaults_that_are_true) {
  const std::string sample = testing::read_sample("agent.toml");
  const auto as_it_is = parse_agent_settings(sample, "agent.toml");
  ASSERT_TRUE(as_it_is) << as_it_is.error().text;
  AgentSettings expected;
  expected.controller = "tcp://deploy1.example.org:4700";
  expected.controller_keys = as_it_is->controller_keys;
  expected.release_keys = as_it_is->release_keys;
  expected.applications["shop"] = {.name = "shop",
                                   .live = "/srv/shop/current",
                                   .slots_dir = "/srv/shop/current.slots",
                                   .keep_dir = "/srv/shop/current.kept",
                                   .sources = {{.path = "/var/log/shop/error.log"}},
                                   .rules = {{.name = "php-fatal", .match = "PHP (Fatal|Parse) error", .unless = ""}}};
  EXPECT_EQ(*as_it_is, expected);
  const auto with_defaults = parse_agent_settings(testing::with_defaults_set(sample), "agent.toml");
  ASSERT_TRUE(with_defaults) << with_defaults.error().text;
  EXPECT_EQ(*with_defaults, expected);
}

TEST(AgentSample, explains_every_key_that_is_read_and_no_other) {
  std::vector<std::string> names;
  for (const auto& sample_key : testing::sample_keys(testing::read_sample("agent.toml"))) {
    names.push_back(sample_key.name);
    EXPECT_NE(sample_key.explanation, "") << sample_key.name;
  }
  EXPECT_EQ(names, known_agent_keys());
}

TEST(AgentSample, damaged_anywhere_is_good_or_refused_in_lines_that_are_safe_to_print) {
  const std::string sample = testing::with_defaults_set(testing::read_sample("agent.toml"));
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    const std::string text = mistakes(testing::damaged(sample, round, random));
    EXPECT_EQ(printable_lines(text, text.size()), text);
  }
}

}  // namespace
}  // namespace serin::agent
