// The answers: everything that is not whole is an error, and nothing is assumed to be zero.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "controller/evidence/logstash.h"
#include "controller/evidence/request_parts.h"

namespace serin::evidence {

namespace {

using Json = nlohmann::json;

using parts::Malformed;

std::uint64_t count_of(const Json& json) {
  if (!json.is_number_unsigned()) throw Malformed("a count is no whole number");
  return json.get<std::uint64_t>();
}

std::uint32_t small_count_of(const Json& json) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(count_of(json), std::numeric_limits<std::uint32_t>::max()));
}

/// The seconds of the controller's clock in which the newest document lies; nothing where there is none.
std::optional<std::int64_t> newest_of(const Question& question, const Json& max) {
  const Json& value = max.at("value");
  if (value.is_null()) return std::nullopt;
  const double ms = value.get<double>();
  if (!(std::abs(ms) < 1e16)) throw Malformed("a time is no time");
  const Duration at{static_cast<std::int64_t>(ms) - question.wall_minus_clock.count()};
  return std::chrono::floor<std::chrono::seconds>(at).count();
}

/// Every bucket of a list of names must be there: what is left out is a host whose errors nobody would see.
const Json& whole_terms(const Json& terms) {
  if (count_of(terms.at("sum_other_doc_count")) > 0) throw Malformed("some hosts were left out");
  return terms.at("buckets");
}

std::string name_of_bucket(const Json& bucket) {
  const Json& key = bucket.at("key");
  return key.is_string() ? key.get<std::string>() : key.dump();
}

/// Of a histogram; a step without a document is known to have none.
fleet::HostSeconds steps_of(const Question& question, const HostName& host, const Span& span, const Json* histogram) {
  fleet::HostSeconds counts{.host = host, .first = span.from, .rules_hash = {}, .seconds = {}};
  const std::int64_t step = question.settings.step.count();
  counts.seconds.resize(static_cast<std::size_t>((span.until - span.from) / step), {.reported = true});
  if (histogram == nullptr) return counts;
  const std::int64_t begins = parts::wall_ms(question, span.from);
  for (const Json& bucket : histogram->at("buckets")) {
    if (count_of(bucket.at("doc_count")) == 0) continue;
    const std::int64_t offset = bucket.at("key").get<std::int64_t>() - begins;
    const std::int64_t index = offset / (1'000 * step);
    if (offset < 0 || offset % (1'000 * step) != 0 || index >= static_cast<std::int64_t>(counts.seconds.size())) {
      throw Malformed("a time was not asked for");
    }
    fleet::SecondOfHost& counted = counts.seconds[static_cast<std::size_t>(index)];
    counted.lines = small_count_of(bucket.at("doc_count"));
    counted.errors = small_count_of(bucket.at("errors").at("doc_count"));
    if (counted.errors > counted.lines) throw Malformed("there are more errors than documents");
  }
  return counts;
}

/// Refuses what is not whole.
void check_whole(const Json& answer) {
  if (!answer.is_object()) throw Malformed("it is no object");
  if (answer.contains("error")) throw Malformed("it is an error");
  if (answer.at("timed_out").get<bool>()) throw Malformed("partial: the server's own time was over");
  const Json& shards = answer.at("_shards");
  const std::uint64_t total = count_of(shards.at("total"));
  if (total == 0) throw Malformed("no index of this name is there");
  if (const auto failed = count_of(shards.at("failed")); failed > 0) {
    throw Malformed(fmt::format("partial: {} of {} shards failed", failed, total));
  }
  if (answer.value("terminated_early", false)) throw Malformed("partial: it was ended early");
  if (const auto clusters = answer.find("_clusters"); clusters != answer.end()) {
    if (count_of(clusters->at("successful")) < count_of(clusters->at("total"))) {
      throw Malformed("partial: a cluster did not answer");
    }
  }
}

std::vector<TopMessage> messages_of(const Json& terms) {
  std::vector<TopMessage> messages;
  for (const Json& bucket : terms.at("buckets")) {
    messages.push_back({.text = name_of_bucket(bucket), .count = count_of(bucket.at("doc_count"))});
  }
  return messages;
}

class Reader {
 public:
  Reader(const Question& question, HostNames names) : question_(question), names_(std::move(names)) {
    reading_.hosts.resize(question.hosts.size());
    for (std::size_t i = 0; i < question.hosts.size(); ++i) {
      const HostName& host = question.hosts[i];
      if (question.before) reading_.hosts[i].before = steps_of(question, host, *question.before, nullptr);
      if (question.since) reading_.hosts[i].since = steps_of(question, host, *question.since, nullptr);
    }
  }

  void read_before(const Json& aggregations) {
    for (const Json& bucket : whole_terms(aggregations.at("hosts"))) {
      const std::size_t host = index_of(bucket);
      reading_.hosts[host].before = steps_of(question_, question_.hosts[host], *question_.before, &bucket.at("steps"));
    }
  }

  void read_since(const Json& aggregations) {
    if (const auto newest = newest_of(question_, aggregations.at("newest")); newest) {
      reading_.newest = std::max(reading_.newest.value_or(*newest), *newest);
    }
    for (const Json& bucket : whole_terms(aggregations.at("known").at("hosts"))) {
      const std::size_t host = index_of(bucket);
      reading_.hosts[host].newest = newest_of(question_, bucket.at("newest"));
      reading_.hosts[host].since =
          steps_of(question_, question_.hosts[host], *question_.since, &bucket.at("window").at("steps"));
    }
  }

  /// Once, of any of the answers about `since`: they are of all hosts.
  void read_matches(const Json& aggregations) {
    Matches& matches = reading_.matches;
    matches.without_host = count_of(aggregations.at("without_host").at("doc_count"));
    matches.other_hosts.clear();
    matches.documents = matches.without_host + count_of(aggregations.at("all_hosts").at("sum_other_doc_count"));
    for (const TopMessage& host : messages_of(aggregations.at("all_hosts"))) {
      matches.documents += host.count;
      if (!names_.find(host.text)) matches.other_hosts.push_back(host);
    }
  }

  /// Of `_field_caps`: each field with its types over all indices.
  void read_fields(const Json& fields) {
    for (const std::string& name : parts::fields_of(question_.settings.logstash)) {
      if (!fields.contains(name)) {
        reading_.matches.absent_fields.push_back(name);
        continue;
      }
      const Json& types = fields.at(name);
      if (types.contains("text") || types.contains("match_only_text")) reading_.matches.text_fields.push_back(name);
    }
  }

  Reading& reading() { return reading_; }

 private:
  std::size_t index_of(const Json& bucket) const {
    const std::string name = name_of_bucket(bucket);
    const auto found = names_.find(name);
    if (!found) throw Malformed("it names a host that was not asked for: " + name);
    return *found;
  }

  const Question& question_;
  HostNames names_;
  Reading reading_;
};

std::uint64_t total_of(const Json& answer) {
  const Json& total = answer.at("hits").at("total");
  return count_of(total.is_object() ? total.at("value") : total);  // before Elasticsearch 7 it was a number
}

void read(const Question& question, const HttpRequest& request, const Json& answer, std::size_t before,
          std::size_t index, Reader& reader) {
  if (request.optional && !answer.contains("aggregations")) {
    reader.reading().matches.in_index = total_of(answer);
    return;
  }
  const Json& aggregations = answer.at("aggregations");
  if (request.optional) {
    reader.reading().messages = messages_of(aggregations.at("messages"));
  } else if (index < before) {
    reader.read_before(aggregations);
  } else {
    reader.read_since(aggregations);
    if (question.test) reader.read_matches(aggregations);
  }
}

}  // namespace

Result<Reading> logstash_reading(const Question& question, const std::vector<HttpRequest>& requests,
                                 const std::vector<HttpAnswer>& answers) {
  auto names = HostNames::of(question.hosts, question.settings.host_naming, question.settings.domain);
  if (!names) return std::unexpected(names.error());
  const std::size_t before = question.before ? parts::chunks_of(question, *question.before).size() : 0;
  Reader reader(question, std::move(*names));
  const auto done = parts::read_answers(question, requests, answers, [&](std::size_t i, const Json& answer) {
    if (requests[i].optional && answer.contains("fields")) return reader.read_fields(answer.at("fields"));
    check_whole(answer);
    read(question, requests[i], answer, before, i, reader);
  });
  if (!done) return std::unexpected(done.error());
  return std::move(reader.reading());
}

}  // namespace serin::evidence
