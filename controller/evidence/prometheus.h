#pragma once

#include <vector>

#include "controller/evidence/question.h"

/// Prometheus and what speaks its API (`query_range`, `query`). What counters grew by is reckoned here, from each bare
/// series and the times of its samples, so that neither a reset nor a stale value is taken for silence. Pure. README.md
/// has the rules.
namespace serin::evidence {

/// See question.h.
Result<std::vector<HttpRequest>> prometheus_requests(const Question& question);
/// An answer with warnings is partial, and an error as a malformed one is. A step is reported when the host's series
/// were fresh at both its ends.
Result<Reading> prometheus_reading(const Question& question, const std::vector<HttpRequest>& requests,
                                   const std::vector<HttpAnswer>& answers);

}  // namespace serin::evidence
