#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "controller/evidence/question.h"
#include "controller/evidence/request_parts.h"

/// Which requests a question about Prometheus has. For prometheus_query.cc and prometheus_answer.cc only.
namespace serin::evidence::parts {

enum class Expression : std::uint8_t { errors, requests };
enum class Asked : std::uint8_t {
  values,  ///< at each end of a step
  times,   ///< when the samples behind these values were taken; of counters
  newest,  ///< when the newest sample was taken, now
};

struct Request {
  Expression expression{};
  Asked asked{};
  bool before = false;  ///< of the question's spans
  Chunk hosts;
};

/// In the order of the requests.
std::vector<Request> plan_of(const Question& question);

/// Ends of steps that can be asked for: no value is known of a time that has not come.
std::int64_t points_of(const Question& question, const Span& span);

}  // namespace serin::evidence::parts
