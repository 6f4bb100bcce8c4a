#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controller/evidence/source_settings.h"
#include "controller/fleet/samples.h"
#include "protocol/clock.h"
#include "protocol/error.h"

/// What a server is asked for, and what it answered. Values between the core, which decides, and the worker that speaks
/// HTTP. Seconds are those of the controller's clock.
namespace serin::evidence {

/// Whole steps.
using Span = fleet::SecondSpan;

struct Question {
  std::uint64_t id = 0;  ///< the asker's own
  SourceKind source = SourceKind::logstash;
  SourceSettings settings;
  std::vector<HostName> hosts;
  std::optional<Span> before, since;  ///< what is wanted
  Duration wall_minus_clock{};        ///< to be added to a time of the controller's clock
  SteadyTime asked_at{};
  bool test = false;  ///< also what did not match
  friend bool operator==(const Question&, const Question&) = default;
};

/// One request, ready to be sent; the server and the secrets stand in HttpSettings.
struct HttpRequest {
  std::string path;  ///< with the query string
  std::string content_type;
  std::string body;       ///< empty: GET, else POST
  bool optional = false;  ///< its failure is no failure of the question
  friend bool operator==(const HttpRequest&, const HttpRequest&) = default;
};

struct HttpAnswer {
  std::string trouble;  ///< why there is no answer; empty: there is one
  long status = 0;
  std::string body;
};

struct TopMessage {
  std::string text;  ///< any bytes
  std::uint64_t count = 0;
  friend bool operator==(const TopMessage&, const TopMessage&) = default;
};

/// One host's counts: each element of `seconds` is one step.
struct HostReading {
  fleet::HostSeconds before, since;
  std::optional<std::int64_t> newest;  ///< second of its newest document or sample; absent: there was none
  friend bool operator==(const HostReading&, const HostReading&) = default;
};

/// What a self-test shows beside that.
struct Matches {
  std::uint64_t documents = 0;             ///< that the query matched, of any host
  std::uint64_t without_host = 0;          ///< of these, those that name no host
  std::vector<TopMessage> other_hosts;     ///< names that no host of the application has, with their documents
  std::optional<std::uint64_t> in_index;   ///< documents of the last hour, whatever they are
  std::vector<std::string> absent_fields;  ///< of those that the configuration names: no index has it
  std::vector<std::string> text_fields;    ///< of the filters': it is cut into words, so that no whole value is matched
  friend bool operator==(const Matches&, const Matches&) = default;
};

struct Reading {
  std::vector<HostReading> hosts;         ///< in the question's order
  std::optional<std::int64_t> newest;     ///< of all hosts
  std::optional<std::int64_t> server_at;  ///< the second in which it answered, by its own clock, if it told
  std::vector<TopMessage> messages;       ///< most frequent first
  Matches matches;
  friend bool operator==(const Reading&, const Reading&) = default;
};

struct Answer {
  Question question;
  Result<Reading> reading;
  Duration took{};
};

/// The requests of a question. `invalid` names what of it cannot be asked: two hosts of one name there. Pure.
Result<std::vector<HttpRequest>> requests_of(const Question& question);
/// What the answers to these come to; they stand in the requests' order. An error is what nothing can be concluded
/// from: no answer, a partial or a malformed one, with the address, the status and the beginning of the body. Pure.
Result<Reading> reading_of(const Question& question, const std::vector<HttpRequest>& requests,
                           const std::vector<HttpAnswer>& answers);

/// A clock that is ahead by more seconds shows what was before a release as what came after it.
inline constexpr std::int64_t kAheadMost = 5;

/// The answer's reading, as it is to be taken when it comes: what is newer than the question, by no more than the
/// answer took, is as new as the question. `invalid`: the server's own clock is ahead. Pure.
Result<Reading> reading_at(const Answer& answer, Now now);

/// "https://logs:9200/logstash-*/_search: HTTP 503: {…", for an answer that is none.
Error bad_answer(const Question& question, const HttpRequest& request, const HttpAnswer& answer,
                 const std::string& what);

}  // namespace serin::evidence
