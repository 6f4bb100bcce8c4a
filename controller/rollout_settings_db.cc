#include <nlohmann/json.hpp>

#include "controller/state_tables_db.h"

namespace serin::controller {

namespace {

using Json = nlohmann::json;

Json share_json(const HostShare& share) {
  return {{"count", share.count}, {"percent", share.percent}};
}
HostShare share_of(const Json& json) {
  return {json.at("count").get<std::uint32_t>(), json.at("percent").get<double>()};
}

/// Any bytes survive: JSON strings hold characters, so each byte becomes one.
std::string widened(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    if (value < 0x80) {
      text.push_back(byte);
    } else {
      text.push_back(static_cast<char>(0xC0U | value >> 6U));
      text.push_back(static_cast<char>(0x80U | (value & 0x3FU)));
    }
  }
  return text;
}
std::string narrowed(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto value = static_cast<unsigned char>(text[i]);
    if (value < 0x80 || i + 1 >= text.size()) {
      bytes.push_back(text[i]);
    } else {
      bytes.push_back(static_cast<char>((value & 0x03U) << 6U | (static_cast<unsigned char>(text[++i]) & 0x3FU)));
    }
  }
  return bytes;
}

Json verdict_json(const judge::Verdict& verdict) {
  Json hosts = Json::array();
  for (const judge::HostFinding& host : verdict.hosts) {
    hosts.push_back({{"host", host.host},
                     {"before", host.rate_before},
                     {"after", host.rate_after},
                     {"limit", host.limit},
                     {"over", host.over},
                     {"trouble", widened(host.trouble)}});
  }
  return {{"answer", static_cast<int>(verdict.answer)},
          {"judge", verdict.judge},
          {"reason", verdict.reason},
          {"text", widened(verdict.text)},
          {"seconds", verdict.seconds},
          {"hosts", hosts}};
}

judge::Verdict verdict_of(const Json& json) {
  judge::Verdict verdict;
  const int answer = json.at("answer").get<int>();
  if (answer < 0 || answer > static_cast<int>(judge::Answer::inconclusive)) throw std::runtime_error("verdict");
  verdict.answer = static_cast<judge::Answer>(answer);
  verdict.judge = json.at("judge");
  verdict.reason = json.at("reason");
  verdict.text = narrowed(json.at("text"));
  verdict.seconds = json.at("seconds");
  for (const Json& host : json.at("hosts")) {
    verdict.hosts.push_back({.host = host.at("host"),
                             .rate_before = host.at("before"),
                             .rate_after = host.at("after"),
                             .limit = host.at("limit"),
                             .over = host.at("over"),
                             .trouble = narrowed(host.at("trouble"))});
  }
  return verdict;
}

}  // namespace

std::string rollout_settings_json(const rollout::Rollout& rollout) {
  Json json{{"wait_ms", rollout.wait.count()},
            {"min_canaries", rollout.min_canaries},
            {"max_in_flight", share_json(rollout.max_in_flight)},
            {"failure_limit", share_json(rollout.failure_limit)},
            {"step_deadline_ms", rollout.step_deadline.count()},
            {"hold_limit_ms", rollout.hold_limit.count()},
            {"on_inconclusive", static_cast<int>(rollout.on_inconclusive)},
            {"on_hold_end", static_cast<int>(rollout.on_hold_end)},
            {"on_canary_lost", static_cast<int>(rollout.on_canary_lost)},
            {"stages", Json::array()}};
  for (const rollout::Stage& stage : rollout.stages) {
    json["stages"].push_back({{"name", stage.name}, {"judged", stage.judged}});
  }
  if (rollout.verdict) json["verdict"] = verdict_json(*rollout.verdict);
  return json.dump();
}

void read_rollout_settings(const std::string& text, rollout::Rollout& rollout) {
  const Json json = Json::parse(text);
  rollout.wait = Duration{json.at("wait_ms").get<std::int64_t>()};
  rollout.min_canaries = json.at("min_canaries");
  rollout.max_in_flight = share_of(json.at("max_in_flight"));
  rollout.failure_limit = share_of(json.at("failure_limit"));
  rollout.step_deadline = Duration{json.at("step_deadline_ms").get<std::int64_t>()};
  rollout.hold_limit = Duration{json.at("hold_limit_ms").get<std::int64_t>()};
  rollout.on_inconclusive = json.at("on_inconclusive").get<int>() == 1 ? OnInconclusive::abort : OnInconclusive::hold;
  rollout.on_hold_end = json.at("on_hold_end").get<int>() == 1 ? OnHoldEnd::keep : OnHoldEnd::abort;
  rollout.on_canary_lost = json.at("on_canary_lost").get<int>() == 1 ? OnCanaryLost::hold : OnCanaryLost::fail;
  for (const Json& stage : json.at("stages")) {
    rollout.stages.push_back({.name = stage.at("name"), .judged = stage.at("judged")});
  }
  if (json.contains("verdict")) rollout.verdict = verdict_of(json.at("verdict"));
}

}  // namespace serin::controller
