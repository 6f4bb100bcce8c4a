#include "controller/evidence/source_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::evidence {

namespace {

using namespace std::chrono_literals;
using settings::Key;
using settings::quoted;
using settings::Setting;
using SourceKey = Key<SourceSettings>;

constexpr std::string_view kHostsPlace = "$hosts";

/// "" stands for none.
void read_optional(const Setting& setting, std::string& to) {
  to.clear();
  if (!setting.says("")) setting.read_text(to);
}
void read_optional_path(const Setting& setting, std::string& to) {
  to.clear();
  if (!setting.says("")) setting.read_path(to);
}

void read_url(const Setting& setting, SourceSettings& to) {
  if (setting.says("")) return;
  auto url = setting.text();
  if (!url) return;
  while (url->ends_with('/')) url->pop_back();
  const bool scheme = url->starts_with("http://") || url->starts_with("https://");
  if (!scheme || url->find_first_of("@?# \"<>\\") != std::string::npos || url->find("://") + 3 == url->size()) {
    setting.refuse(quoted(*url) + " is no address of a server",
                   "\"https://HOST:PORT\"; the user and the password have keys of their own");
    return;
  }
  to.http.url = *url;
}

void read_index(const Setting& setting, SourceSettings& to) {
  const auto index = setting.text();
  if (!index) return;
  if (index->find_first_of(" \"?#&\\") != std::string::npos) {
    setting.refuse(quoted(*index) + " is no index", "a name or a pattern, such as \"logstash-*\"");
    return;
  }
  to.logstash.index = *index;
}

/// "shop" or ["shop", "cart"].
std::vector<std::string> read_values(const Setting& setting) {
  std::vector<std::string> values;
  if (!setting.is_list()) {
    if (const auto value = setting.text()) values.push_back(*value);
    return values;
  }
  const auto items = setting.items();
  for (const Setting& item : *items) {
    if (const auto value = item.text()) values.push_back(*value);
  }
  if (values.empty()) setting.refuse("names no value", "at least one, such as [\"ERROR\"]");
  return values;
}

/// { level = ["ERROR"], "service.name" = "shop" }; a field with dots may also be a table of tables.
void read_filter(const Setting& setting, const std::string& above, DocumentFilter& to) {
  const auto entries = setting.entries();
  if (!entries) return;
  for (const auto& [name, value] : *entries) {
    if (value.is_table()) {
      read_filter(value, above + name + ".", to);
    } else {
      to.push_back({.field = above + name, .values = read_values(value)});
    }
  }
}

void read_errors(const Setting& setting, SourceSettings& to) {
  to.logstash.errors.clear();
  if (!setting.is_list()) {
    read_filter(setting, "", to.logstash.errors.emplace_back());
  } else {
    const auto items = setting.items();
    for (const Setting& item : *items) read_filter(item, "", to.logstash.errors.emplace_back());
  }
  for (const DocumentFilter& filter : to.logstash.errors) {
    if (filter.empty()) setting.refuse("{} would make every document an error", R"({ level = ["ERROR", "FATAL"] })");
  }
}

/// With $hosts in it.
void read_query(const Setting& setting, std::string& to) {
  to.clear();
  if (setting.says("")) return;
  const auto query = setting.text();
  if (!query) return;
  if (query->find(kHostsPlace) == std::string::npos) {
    setting.refuse("names no hosts: other machines' errors would count",
                   "a selector with $hosts in it, such as 'http_errors_total{instance=~\"$hosts\"}'");
    return;
  }
  to = *query;
}

const SourceKey kBothKeys[] = {
    {"url", R"("https://logs.example.org:9200")", read_url},
    {"user", R"("serin")", [](const Setting& at, SourceSettings& to) { read_optional(at, to.http.user); }},
    {"password_file", R"("/etc/serin/logs.password")",
     [](const Setting& at, SourceSettings& to) { read_optional_path(at, to.http.password_file); }},
    {"api_key_file", R"("/etc/serin/logs.key")",
     [](const Setting& at, SourceSettings& to) { read_optional_path(at, to.http.api_key_file); }},
    {"ca_file", R"("/etc/serin/logs-ca.pem")",
     [](const Setting& at, SourceSettings& to) { read_optional_path(at, to.http.ca_file); }},
    {"connect_timeout", R"("3s")",
     [](const Setting& at, SourceSettings& to) { at.read_duration(to.http.connect_timeout, 100ms, 30s); }},
    {"timeout", R"("10s")", [](const Setting& at, SourceSettings& to) { at.read_duration(to.http.timeout, 1s, 60s); }},
    {"judge", R"("fixed")",
     [](const Setting& at, SourceSettings& to) {
       at.read_choice(to.judge, {{"fixed", judge::JudgeKind::fixed}, {"sequential", judge::JudgeKind::sequential}});
     }},
    {"step", R"("10s")", [](const Setting& at, SourceSettings& to) { at.read_seconds(to.step, 1s, 300s); }},
    {"baseline", R"("1h")", [](const Setting& at, SourceSettings& to) { at.read_seconds(to.baseline, 60s, 24h); }},
    {"delay", R"("5s")", [](const Setting& at, SourceSettings& to) { at.read_seconds(to.delay, 0s, 300s); }},
    {"delay_max", R"("60s")", [](const Setting& at, SourceSettings& to) { at.read_duration(to.delay_max, 1s, 10min); }},
    {"host_names", R"("same")",
     [](const Setting& at, SourceSettings& to) {
       at.read_choice(to.host_naming,
                      {{"same", HostNaming::same}, {"short", HostNaming::short_name}, {"full", HostNaming::full_name}});
     }},
    {"domain", R"("example.org")", [](const Setting& at, SourceSettings& to) { read_optional(at, to.domain); }},
    {"wait", R"("20s")",
     [](const Setting& at, SourceSettings& to) {
       at.read_duration(to.fixed.wait, limits::kWaitMin, limits::kWaitMax);
     }},
    {"threshold", "10.0", [](const Setting& at, SourceSettings& to) { at.read_number(to.fixed.threshold, 1, 1e6); }},
    {"floor", "0.1", [](const Setting& at, SourceSettings& to) { at.read_number(to.fixed.floor, 0, 1e6); }},
    {"hosts_over", "2",
     [](const Setting& at, SourceSettings& to) { at.read_whole(to.fixed.hosts_over, 0, 1'000'000); }},
    {"baseline_min", R"("60s")",
     [](const Setting& at, SourceSettings& to) {
       std::chrono::seconds least = std::chrono::ceil<std::chrono::seconds>(to.fixed.baseline_min);
       at.read_seconds(least, 1s, 24h);
       to.fixed.baseline_min = least;
     }},
};

const SourceKey kLogstashKeys[] = {
    {"index", R"("logstash-*")", read_index},
    {"host_field", R"("host.name")",
     [](const Setting& at, SourceSettings& to) { at.read_text(to.logstash.host_field); }},
    {"time_field", R"("@timestamp")",
     [](const Setting& at, SourceSettings& to) { at.read_text(to.logstash.time_field); }},
    {"message_field", R"("message.keyword")",
     [](const Setting& at, SourceSettings& to) { read_optional(at, to.logstash.message_field); }},
    {"where", R"({ "service.name" = "shop" })",
     [](const Setting& at, SourceSettings& to) {
       to.logstash.where.clear();
       read_filter(at, "", to.logstash.where);
     }},
    {"errors", R"([{ level = ["ERROR", "FATAL"] }])", read_errors},
    {"except", R"({ channel = "audit" })",
     [](const Setting& at, SourceSettings& to) {
       to.logstash.except.clear();
       read_filter(at, "", to.logstash.except);
     }},
    {"errors_only", "false", [](const Setting& at, SourceSettings& to) { at.read_flag(to.logstash.errors_only); }},
};

const SourceKey kPrometheusKeys[] = {
    {"errors", R"('http_errors_total{instance=~"$hosts"}')",
     [](const Setting& at, SourceSettings& to) { read_query(at, to.prometheus.errors); }},
    {"requests", R"('http_requests_total{instance=~"$hosts"}')",
     [](const Setting& at, SourceSettings& to) { read_query(at, to.prometheus.requests); }},
    {"kind", R"("counter")",
     [](const Setting& at, SourceSettings& to) {
       at.read_choice(to.prometheus.kind, {{"counter", SeriesKind::counter}, {"gauge", SeriesKind::gauge}});
     }},
    {"host_label", R"("instance")",
     [](const Setting& at, SourceSettings& to) { at.read_text(to.prometheus.host_label); }},
    {"scrape", R"("15s")",
     [](const Setting& at, SourceSettings& to) { at.read_seconds(to.prometheus.scrape, 1s, 5min); }},
    {"absent_is_zero", "false",
     [](const Setting& at, SourceSettings& to) { at.read_flag(to.prometheus.absent_is_zero); }},
};

std::vector<SourceKey> keys_of(SourceKind source) {
  std::vector<SourceKey> keys(std::begin(kBothKeys), std::end(kBothKeys));
  if (source == SourceKind::logstash) keys.insert(keys.end(), std::begin(kLogstashKeys), std::end(kLogstashKeys));
  if (source == SourceKind::prometheus) keys.insert(keys.end(), std::begin(kPrometheusKeys), std::end(kPrometheusKeys));
  return keys;
}

void check_login(const Setting& table, const HttpSettings& http) {
  if (http.user.empty() != http.password_file.empty()) {
    table.refuse_keys({"user", "password_file"}, "stands alone: a user and a password belong together",
                      "user = \"serin\", password_file = \"/etc/serin/logs.password\"");
  }
  if (!http.user.empty() && !http.api_key_file.empty()) {
    table.refuse_keys({"api_key_file"}, "stands beside a user: nobody knows which is meant", "leave one of them out");
  }
}

void check_source(const Setting& table, const SourceSettings& source) {
  check_login(table, source.http);
  if (source.judge == judge::JudgeKind::sequential && source.step > 1s) {
    table.refuse_keys(
        {"judge", "step"},
        fmt::format("the sequential judge looks at single seconds, and step is {}", duration_text(source.step)),
        "judge = \"fixed\", or step = \"1s\" where the source is that quick");
  }
  if (source.judge == judge::JudgeKind::sequential && source.baseline > limits::kBaselineMax) {
    table.refuse_keys(
        {"baseline", "judge"},
        fmt::format("the sequential judge looks at no more than {} of the past", duration_text(limits::kBaselineMax)),
        "baseline = \"300s\"");
  }
  if (source.baseline / source.step > limits::kSourceStepsMax) {
    table.refuse_keys({"baseline", "step"},
                      fmt::format("{} in steps of {} are more than {} numbers for each host",
                                  duration_text(source.baseline), duration_text(source.step), limits::kSourceStepsMax),
                      "a shorter baseline or a longer step");
  }
  if (source.fixed.baseline_min > source.baseline) {
    table.refuse_keys({"baseline_min", "baseline"}, "more is needed than is looked at",
                      "baseline = \"1h\", baseline_min = \"60s\"");
  }
  if (source.delay > source.delay_max) {
    table.refuse_keys({"delay", "delay_max"}, "delay is more than delay_max: no document would ever come in time",
                      "delay = \"5s\", delay_max = \"60s\"");
  }
  if (source.host_naming == HostNaming::full_name && source.domain.empty()) {
    table.refuse_keys({"host_names"}, "full names need a domain", "domain = \"example.org\"");
  }
}

/// A name with labels, and nothing else. A function or an operator around a counter would hide its resets (a sum that
/// falls by one series' reset looks like a reset of all), and with them timestamp() says nothing of its samples.
bool is_selector(std::string_view query) {
  char quote = 0;
  std::size_t opened = 0;
  std::size_t closed = 0;
  for (const char c : query) {
    const bool is_space = c == ' ' || c == '\t' || c == '\n';
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (opened > closed) {
      if (c == '"' || c == '\'' || c == '`') quote = c;
      if (c == '}') ++closed;
    } else if (c == '{') {
      ++opened;
    } else if (!is_space &&
               (closed > 0 || (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != ':'))) {
      return false;
    }
  }
  return opened == 1 && closed == 1;
}

void check_prometheus(const Setting& table, const SourceSettings& source) {
  const PrometheusQueries& queries = source.prometheus;
  for (const auto& [key, query] : {std::pair{"errors", &queries.errors}, std::pair{"requests", &queries.requests}}) {
    if (queries.kind != SeriesKind::counter || query->empty() || is_selector(*query)) continue;
    table.refuse_keys({key},
                      "is more than a selector: what a counter grew by is reckoned here, from each bare series, since "
                      "the sum of several hides that one was reset",
                      "the counter's selector alone; or kind = \"gauge\" with an expression of errors per second");
  }
  if (source.step < queries.scrape) {
    table.refuse_keys({"step", "scrape"},
                      fmt::format("a step of {} is less than the {} between two looks of Prometheus",
                                  duration_text(source.step), duration_text(queries.scrape)),
                      fmt::format("step = \"{}\" or more", duration_text(queries.scrape)));
  }
  if (queries.absent_is_zero && queries.requests.empty()) {
    table.refuse_keys({"absent_is_zero"}, "without requests nothing shows that a host is looked at at all",
                      "requests = 'http_requests_total{instance=~\"$hosts\"}'");
  }
}

}  // namespace

std::vector<std::string> source_keys(SourceKind source) {
  std::vector<std::string> names;
  for (const SourceKey& key : keys_of(source)) names.emplace_back(key.name);
  return names;
}

void read_sources(const Setting& setting, std::vector<SourceChoice>& to) {
  const auto items = setting.items();
  if (!items) return;
  std::vector<SourceChoice> sources;
  for (const Setting& item : *items) {
    SourceKind source{};
    const auto name = item.text();
    if (!name) continue;
    item.read_choice(
        source,
        {{"agents", SourceKind::agents}, {"logstash", SourceKind::logstash}, {"prometheus", SourceKind::prometheus}});
    if (!source_of_name(*name)) continue;
    if (std::ranges::find(sources, source, &SourceChoice::source) != sources.end()) {
      item.refuse(quoted(*name) + " stands twice", "name each source once");
      continue;
    }
    sources.push_back({.source = source});
  }
  if (items->empty()) setting.refuse("[] names no source", "[\"agents\"]");
  if (!sources.empty()) to = std::move(sources);
}

void read_advisory(const Setting& setting, std::vector<SourceChoice>& to) {
  const auto items = setting.items();
  if (!items) return;
  for (const Setting& item : *items) {
    const auto name = item.text();
    if (!name) continue;
    const auto source = source_of_name(*name);
    const auto found = std::ranges::find_if(to, [&](const SourceChoice& choice) { return choice.source == source; });
    if (!source || found == to.end()) {
      item.refuse(quoted(*name) + " is none of the sources", "a name that stands in sources");
      continue;
    }
    found->required = false;
  }
  if (std::ranges::none_of(to, &SourceChoice::required)) {
    setting.refuse("no source is left to decide", "leave at least one of the sources out of this list");
  }
}

void read_logstash(const Setting& table, SourceSettings& to) {
  const auto keys = keys_of(SourceKind::logstash);
  settings::read_keys(table, std::span<const SourceKey>{keys}, to);
  check_source(table, to);
}

void read_prometheus(const Setting& table, SourceSettings& to) {
  const auto keys = keys_of(SourceKind::prometheus);
  settings::read_keys(table, std::span<const SourceKey>{keys}, to);
  check_source(table, to);
  check_prometheus(table, to);
}

void check_sources(const Setting& table, const std::vector<SourceChoice>& sources, const SourceSettings& logstash,
                   const SourceSettings& prometheus) {
  const auto named = [&](SourceKind source) {
    return std::ranges::find(sources, source, &SourceChoice::source) != sources.end();
  };
  const auto needs = [&](const char* name, const SourceSettings& source, bool errors) {
    const auto of_source = table.at(name);
    const Setting& at = of_source ? *of_source : table;
    if (!of_source) {
      table.refuse_keys({"sources"}, fmt::format("names {}, and there is no table of it", name),
                        fmt::format("[application.NAME.{}] with url and errors", name));
      return;
    }
    if (source.http.url.empty()) at.refuse_missing("url", R"("https://HOST:PORT")");
    if (!errors) at.refuse_missing("errors", R"(what an error is; see the manual page)");
  };
  if (named(SourceKind::logstash)) needs("logstash", logstash, !logstash.logstash.errors.empty());
  if (named(SourceKind::prometheus)) needs("prometheus", prometheus, !prometheus.prometheus.errors.empty());
}

}  // namespace serin::evidence
