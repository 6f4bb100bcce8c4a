#pragma once

#include <cstdint>
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

/// Hosts of one request: [first, first + count) of the question's.
struct Chunk {
  std::size_t first = 0, count = 0;
};
std::vector<Chunk> chunks_of(const Question& question, const Span& span);

}  // namespace serin::evidence::parts
