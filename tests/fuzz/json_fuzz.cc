#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "agent/count/json_line.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace serin;
using count::JsonValue;
using fuzz::Random;
using nlohmann::json;

constexpr std::string_view kLines[] = {
    R"({"level":"error","msg":"a \"quoted\" text","time":"2026-05-01T10:00:00Z"})",
    R"({"labels":{"level":"error","n":[1,2,{"level":3}]},"level":50,"msg":null})",
    R"({"msg":"\"level\":\"error\"\\","log.level":"info","level":-1.5e3,"x":true,"y":[[],{},""]})",
    R"({"\u006cevel":"\u00e9\ud83d\ude00","a":"\\\\","msg":"\\\""})",
    R"( { "a" : { "b" : "}" } , "level" : false } )",
    "{}",
    "\xef\xbb\xbf{\"level\":1}",
    R"([{"level":1}])",
    "plain text: error",
};
constexpr std::string_view kPieces[] = {
    "\"",       "\\",         "{",       "}",    "[", "]",    ",",   ":",
    "level",    "\"level\":", "\\u0041", "\\\"", " ", "null", "1e9", "\"msg\":\"x\",",
    "\xc3\xa9", "\xff",       "\t"};
const std::vector<std::string> kKeys = {"level", "msg", "a"};

/// The first of each key's values in the outermost object, as another library reads them.
struct FirstMembers : nlohmann::json_sax<json> {
  std::vector<std::optional<json>> values = std::vector<std::optional<json>>(kKeys.size());
  std::size_t depth = 0;
  std::string last_key;
  bool is_object = false;

  void note(const json& value) {
    if (depth != 1) return;
    for (std::size_t i = 0; i < kKeys.size(); ++i) {
      if (kKeys[i] == last_key && !values[i]) values[i] = value;
    }
  }
  bool null() override { return note(nullptr), true; }
  bool boolean(bool value) override { return note(value), true; }
  bool number_integer(number_integer_t value) override { return note(value), true; }
  bool number_unsigned(number_unsigned_t value) override { return note(value), true; }
  bool number_float(number_float_t value, const string_t&) override { return note(value), true; }
  bool string(string_t& value) override { return note(value), true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override {
    if (depth == 0) is_object = true;
    note(json::object());
    return ++depth, true;
  }
  bool key(string_t& value) override {
    if (depth == 1) last_key = value;
    return true;
  }
  bool end_object() override { return --depth, true; }
  bool start_array(std::size_t) override {
    note(json::object());
    return ++depth, true;
  }
  bool end_array() override { return --depth, true; }
  bool parse_error(std::size_t, const std::string&, const json::exception&) override { return false; }
};

bool equal(const JsonValue& value, const std::optional<json>& other) {
  switch (value.kind) {
    case JsonValue::Kind::none:
      return !other;
    case JsonValue::Kind::nested:
      return other && other->is_object();
    case JsonValue::Kind::word:
      return other && other->dump() == value.raw;
    case JsonValue::Kind::text:
      return other && other->is_string() && other->get<std::string>() == count::json_text(value.raw, value.raw.size());
    case JsonValue::Kind::number:
      break;
  }
  const auto number = count::json_number(value);
  // Nearer to 0 than a number can be.
  if (!number) return other && other->is_number() && std::abs(other->get<double>()) < 1e-300;
  return other && other->is_number() && *number == other->get<double>();
}

void one_round(Random& random) {
  auto line = std::string(random.of(kLines));
  if (random.one_in(4)) line += random.of(kLines);
  if (!random.one_in(20)) line = fuzz::damaged(line, random, kPieces);
  std::vector<JsonValue> values(kKeys.size());
  // In memory of its own, so that a look beyond it is seen.
  const std::vector<char> bytes(line.begin(), line.end());
  const bool found = count::find_json_members({bytes.data(), bytes.size()}, kKeys, values);
  for (const auto& value : values) std::ignore = count::json_text(value.raw, random.below(100));
  FirstMembers members;
  if (!json::sax_parse(line, &members) || !members.is_object) return;  // what is no JSON may be read as far as it goes
  if (!found) fuzz::fail("this is an object", line);
  for (std::size_t i = 0; i < kKeys.size(); ++i) {
    if (!equal(values[i], members.values[i])) fuzz::fail("another value of " + kKeys[i], line);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return fuzz::fuzz(argc, argv, one_round);
}
