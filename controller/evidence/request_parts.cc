#include "controller/evidence/request_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "protocol/limits.h"

namespace serin::evidence::parts {

std::int64_t wall_ms(const Question& question, std::int64_t second) {
  return (start_of(second).time_since_epoch() + question.wall_minus_clock).count();
}

std::string escaped(const std::string& text) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~*,:";
  std::string url;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      url += c;
    } else {
      url += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return url;
}

std::vector<Chunk> chunks_of(const Question& question, const Span& span) {
  const auto steps = std::max<std::int64_t>(1, (span.until - span.from) / question.settings.step.count());
  const std::size_t most =
      std::clamp<std::size_t>(limits::kSourceBucketsMax / static_cast<std::size_t>(steps), 1, limits::kSourceHostsMax);
  std::vector<Chunk> chunks;
  for (std::size_t at = 0; at < question.hosts.size(); at += most) {
    chunks.push_back({.first = at, .count = std::min(most, question.hosts.size() - at)});
  }
  return chunks;
}

namespace {

/// As answers never are; it would take a hundred times its size of memory to read.
bool is_nested_deeply(std::string_view json) {
  constexpr int kDepthMost = 64;
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kDepthMost) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

/// What is wrong with this answer; empty: it was read.
std::string mistake_in(const HttpAnswer& answer, const std::function<void(const nlohmann::json&)>& read) {
  if (!answer.trouble.empty() || answer.status != 200) return fmt::format("status {}", answer.status);
  if (is_nested_deeply(answer.body)) return "it is nested too deeply";
  const nlohmann::json json = nlohmann::json::parse(answer.body, nullptr, false);
  if (json.is_discarded()) return "it is no JSON";
  try {
    read(json);
  } catch (const Malformed& error) {
    return error.what();
  } catch (const nlohmann::json::exception&) {
    return "it has not the form of an answer to this";
  }
  return {};
}

}  // namespace

Result<void> read_answers(const Question& question, const std::vector<HttpRequest>& requests,
                          const std::vector<HttpAnswer>& answers,
                          const std::function<void(std::size_t, const nlohmann::json&)>& read) {
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::string wrong = mistake_in(answers[i], [&](const nlohmann::json& json) { read(i, json); });
    if (wrong.empty() || requests[i].optional) continue;
    return std::unexpected(bad_answer(question, requests[i], answers[i], answers[i].status == 200 ? wrong : ""));
  }
  return {};
}

}  // namespace serin::evidence::parts
