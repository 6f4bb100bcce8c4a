#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/judge/fixed_settings.h"
#include "protocol/clock.h"

/// Where evidence comes from, as controller.toml says it. Plain values.
namespace serin::evidence {

enum class SourceKind : std::uint8_t { agents, logstash, prometheus };
std::string_view name_of(SourceKind source);
std::optional<SourceKind> source_of_name(std::string_view name);

/// One entry of `sources`.
struct SourceChoice {
  SourceKind source = SourceKind::agents;
  bool required = true;  ///< else advisory: it is asked and named, and decides nothing
  friend bool operator==(const SourceChoice&, const SourceChoice&) = default;
};

/// How to reach a server. Secrets stand in files, and are read when they are needed.
struct HttpSettings {
  std::string url;            ///< "https://logs.example.org:9200", without a slash at the end, user or query
  std::string user;           ///< of basic authentication; empty: none
  std::string password_file;  ///< its first line
  std::string api_key_file;   ///< its first line: Elasticsearch's base64 key, or a bearer token for Prometheus
  std::string ca_file;        ///< empty: those of the system
  Duration connect_timeout = std::chrono::seconds{3};
  Duration timeout = std::chrono::seconds{10};  ///< of one request in all
  friend bool operator==(const HttpSettings&, const HttpSettings&) = default;
};

/// How a host of the roster is called in a source.
enum class HostNaming : std::uint8_t {
  same,        ///< as in the roster
  short_name,  ///< up to the first dot
  full_name,   ///< with the domain behind it, unless it has one already
};

/// A field has one of these values, exactly.
struct FieldFilter {
  std::string field;
  std::vector<std::string> values;
  friend bool operator==(const FieldFilter&, const FieldFilter&) = default;
};
/// All of them hold.
using DocumentFilter = std::vector<FieldFilter>;

struct LogstashFields {
  std::string index = "logstash-*";
  std::string host_field = "host.name";
  std::string time_field = "@timestamp";
  std::string message_field = "message.keyword";  ///< empty: no messages are asked for
  DocumentFilter where;                           ///< the application's documents; empty: all of the index
  std::vector<DocumentFilter> errors;             ///< a document is an error when one of them holds
  DocumentFilter except;                          ///< documents with one of these values are no errors
  bool errors_only = false;                       ///< the index holds errors alone: silence of one host is usual
  friend bool operator==(const LogstashFields&, const LogstashFields&) = default;
};

enum class SeriesKind : std::uint8_t {
  counter,  ///< grows; what it grew by is counted here, over resets
  gauge,    ///< a number of errors per second
};

struct PrometheusQueries {
  std::string errors;    ///< PromQL, $hosts stands for a regular expression of the hosts
  std::string requests;  ///< likewise; empty: none
  SeriesKind kind = SeriesKind::counter;
  std::string host_label = "instance";  ///< a port behind the name is left out
  std::chrono::seconds scrape{15};      ///< how often Prometheus looks at a host
  bool absent_is_zero =
      false;  ///< a host whose requests are there and whose errors are not has none, instead of unknown
  friend bool operator==(const PrometheusQueries&, const PrometheusQueries&) = default;
};

/// [application.NAME.logstash] or [application.NAME.prometheus].
struct SourceSettings {
  HttpSettings http;
  judge::JudgeKind judge = judge::JudgeKind::fixed;
  judge::FixedJudgeSettings fixed;
  std::chrono::seconds step{10};
  std::chrono::seconds baseline{3'600};  ///< before the deployment
  std::chrono::seconds delay{5};         ///< so long every document may take
  Duration delay_max = std::chrono::seconds{60};
  HostNaming host_naming = HostNaming::same;
  std::string domain;  ///< of full names
  LogstashFields logstash;
  PrometheusQueries prometheus;
  friend bool operator==(const SourceSettings&, const SourceSettings&) = default;
};

}  // namespace serin::evidence
