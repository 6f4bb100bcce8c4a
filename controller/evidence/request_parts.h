#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "controller/evidence/host_naming.h"
#include "controller/evidence/question.h"

/// What the requests and answers of all servers have in common. For the files of logstash and prometheus only.
namespace serin::evidence::parts {

/// Milliseconds since 1970 of the beginning of a second of the controller's clock.
std::int64_t wall_ms(const Question& question, std::int64_t second);

/// As it stands in a URL's path, or in a form.
std::string escaped(const std::string& text);

/// All fields that decide whether and for whom a document counts, ascending.
std::vector<std::string> fields_of(const LogstashFields& fields);

/// Hosts of one request: [first, first + count) of the question's.
struct Chunk {
  std::size_t first = 0, count = 0;
};
std::vector<Chunk> chunks_of(const Question& question, const Span& span);

/// What is wrong with an answer: thrown while one is read, caught by read_answers().
struct Malformed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Gives each answer's JSON to `read`, with its place among the requests. What is no answer, no JSON, or not as `read`
/// wants it (Malformed, or an exception of the JSON library) is an error (bad_answer), but for optional requests.
Result<void> read_answers(const Question& question, const std::vector<HttpRequest>& requests,
                          const std::vector<HttpAnswer>& answers,
                          const std::function<void(std::size_t place, const nlohmann::json& answer)>& read);

}  // namespace serin::evidence::parts
