#include "agent/count/presets.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/agent/count/matcher_fixture.h"

namespace serin::count {
namespace {

struct Sample {
  std::string preset;
  std::string line;
  bool is_error = false;
};

TEST(Presets, know_errors_from_what_stands_beside_them) {
  const Sample samples[] = {
      {"apache", "[Fri May 01 10:00:00.1 2026] [proxy:error] [pid 7:tid 1] (111)Connection refused: AH00957", true},
      {"apache", "[Fri May 01 10:00:00.1 2026] [php:error] [pid 7] PHP Fatal error:  Uncaught x", true},
      {"apache", "[Fri May 01 10:00:00 2026] [crit] x", true},
      {"apache", "[Fri May 01 10:00:00.1 2026] [mpm_event:notice] [pid 7] resuming normal operations", false},
      {"apache-access", R"(::1 - - [01/May/2026:10:00:00 +0000] "GET / HTTP/1.1" 503 12 "-" "curl")", true},
      {"apache-access", R"(::1 - - [01/May/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 503 "-" "curl")", false},
      {"java", "2026-05-01 10:00:00,123 ERROR [main] c.e.Shop: x", true},
      {"java", "2026-05-01 10:00:00.123 [main] FATAL c.e.Shop - x", true},
      {"java", "[ERROR] x", true},
      {"java", "SEVERE: Servlet.service() threw", true},
      {"java", "Exception in thread \"main\" java.lang.Error: x", true},
      {"java", "2026-05-01 10:00:00,123 INFO c.e.ERRORS: x", false},
      {"java", "2026-05-01 10:00:00.123 [main] INFO  c.e.Client - response status: ERROR", false},
      {"java", "2026-05-01T10:00:00.123Z [Worker-7] WARN c.e.Client - retrying after ERROR", false},
      {"java", "2026-05-01T10:00:00.123Z [Worker-7] ERROR c.e.Client - INFO page is gone", true},
      {"python", "2026-05-01 10:00:00,123 INFO shop: added ERROR page", false},
      {"python", "WARNING:root:retrying after ERROR", false},
      {"json", R"({"message":"x","context":{},"level":400,"level_name":"ERROR","channel":"app"})", true},
      {"json", R"({"message":"x","level":200,"level_name":"INFO"})", false},
      {"json", R"({"levelname":"CRITICAL","message":"x"})", true},
      {"json", R"({"severity":"ERROR","message":"x"})", true},
      {"json", R"({"log.level":"critical"})", true},
      {"json", R"({"level":"warn","message":"error"})", false},
      {"mediawiki",
       "2026-05-01 10:00:00 mw1 enwiki: [abcdef12] /wiki/X   RuntimeException from line 3 of /srv/a.php: x", true},
      {"mediawiki", "2026-05-01 10:00:00 mw1 enwiki: [abcdef12] /wiki/X   took 3 s", false},
      {"mongodb", R"({"t":{"$date":"2026-05-01"},"s":"E","c":"NETWORK","msg":"x"})", true},
      {"mongodb", R"({"t":{"$date":"2026-05-01"},"s":"I","c":"NETWORK","msg":"x"})", false},
      {"nginx", "2026/05/01 10:00:00 [crit] 7#7: *1 SSL_do_handshake() failed", true},
      {"nginx", "2026/05/01 10:00:00 [error] 7#7: *1 open() \"/srv/x\" failed (2: No such file or directory)", false},
      {"nginx", "2026/05/01 10:00:00 [error] 7#7: *1 FastCGI sent in stderr: \"PHP message: PHP Fatal error:  x\"",
       true},
      {"nginx", "2026/05/01 10:00:00 [error] 7#7: *1 FastCGI sent in stderr: \"PHP message: PHP Notice:  x\"", false},
      {"nginx", "2026/05/01 10:00:00 [error] 7#7: *1 FastCGI sent in stderr: \"Primary script unknown\"", true},
      {"nginx", "2026/05/01 10:00:00 [notice] 7#7: signal process started", false},
      {"nginx-access", R"(10.0.0.1 - - [01/May/2026:10:00:00 +0000] "GET / HTTP/2.0" 502 12 "-" "curl")", true},
      {"php-fpm", "[01-May-2026 10:00:00] WARNING: [pool www] child 12 exited on signal 11 (SIGSEGV)", true},
      {"php-fpm", "[01-May-2026 10:00:00] ERROR: failed to open access log", true},
      {"php-fpm", "[01-May-2026 10:00:00 Europe/Berlin] PHP Parse error:  x in /a.php on line 1", true},
      {"php-fpm", "[01-May-2026 10:00:00] NOTICE: ready to handle connections", false},
      {"python", "ERROR:root:x", true},
      {"python", "2026-05-01 10:00:00,123 - shop - CRITICAL - x", true},
      {"python", "<3>shop[12]: Traceback (most recent call last):", true},
      {"php-fpm", "<3>php-fpm8.2[12]: [01-May-2026 10:00:00] ALERT: oops", true},
      {"nginx", "<187>May  1 10:00:00 web1 nginx: 2026/05/01 10:00:00 [crit] 7#7: x", true},
      {"python", "INFO:root:no ERRORS", false},
      {"syslog", "<11>May  1 10:00:00 web1 shop[1]: x", true},
      {"syslog", "<14>May  1 10:00:00 web1 shop[1]: error", false},
      {"syslog", "May  1 10:00:00 web1 kernel: [1.2] shop[7]: segfault at 0 ip 0", true},
  };
  for (const auto& sample : samples) {
    const auto counted = count_all(matcher_for({.preset = sample.preset}, {}), sample.line + "\n");
    EXPECT_EQ(counted.found.errors, sample.is_error ? 1U : 0U) << sample.preset << ": " << sample.line;
    EXPECT_EQ(counted.found.unparsed, 0U) << sample.line;
  }
}

TEST(Presets, are_in_order_with_names_of_their_own_and_no_slow_rule) {
  std::set<std::string> names;
  for (const auto& preset : presets()) {
    EXPECT_TRUE(names.empty() || *names.rbegin() < preset.name);
    names.emplace(preset.name);
    EXPECT_FALSE(preset.about.empty());
    EXPECT_EQ(matcher_for({.preset = std::string(preset.name)}, {}).slow_rules(), std::vector<std::string>{});
    EXPECT_EQ(find_preset(preset.name), &preset);
  }
  EXPECT_EQ(find_preset("iis"), nullptr);
}

TEST(Presets, what_php_writes_to_several_logs_is_one_group) {
  for (const char* name : {"apache", "mediawiki", "nginx", "php-fpm"}) {
    std::set<std::string> groups;
    for (const auto& rule : find_preset(name)->rules) groups.insert(rule.group);
    EXPECT_TRUE(groups.contains("php")) << name;
  }
}

}  // namespace
}  // namespace serin::count
