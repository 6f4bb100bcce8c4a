#pragma once

#include <vector>

#include "controller/evidence/question.h"

/// Elasticsearch 7, 8, 9 and OpenSearch, as `_search` speaks. Only exact filters (term, terms), never a query string:
/// it takes names apart and matches other services. Pure. README.md has the form of the requests.
namespace serin::evidence {

/// See question.h.
Result<std::vector<HttpRequest>> logstash_requests(const Question& question);
/// An answer that is partial (timed_out, failed shards, hosts left out), malformed, not of this question, or an error
/// with status 200 is an error.
Result<Reading> logstash_reading(const Question& question, const std::vector<HttpRequest>& requests,
                                 const std::vector<HttpAnswer>& answers);

}  // namespace serin::evidence
