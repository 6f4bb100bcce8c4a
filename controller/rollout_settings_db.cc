#include <nlohmann/json.hpp>

#include "controller/judge/verdict_json.h"
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

template <class Enum>
Enum enum_of(const Json& json, Enum last) {
  const int value = json.get<int>();
  if (value < 0 || value > static_cast<int>(last)) throw std::runtime_error("a setting is out of range");
  return static_cast<Enum>(value);
}

/// JSON has no infinity: such a number was written as null.
double number_of(const Json& json) {
  return json.is_null() ? 0 : json.get<double>();
}

judge::SequentialNumbers numbers_of(const Json& json) {
  judge::SequentialNumbers numbers{.ratio = number_of(json.at("times")),
                                   .ratio_low = number_of(json.at("times_low")),
                                   .ratio_high = number_of(json.at("times_high")),
                                   .canary_rate = number_of(json.at("canaries_errors_per_second")),
                                   .control_rate = number_of(json.at("controls_errors_per_second")),
                                   .controls = json.value("controls", 1U),
                                   .canary_errors = number_of(json.at("canaries_errors")),
                                   .control_errors = number_of(json.at("controls_errors")),
                                   .capped = json.at("capped"),
                                   .fail_evidence = number_of(json.at("fail_evidence")),
                                   .fail_evidence_without_one = number_of(json.at("fail_evidence_without_one")),
                                   .pass_evidence = number_of(json.at("pass_evidence")),
                                   .pass_evidence_adverse = number_of(json.at("pass_evidence_adverse")),
                                   .dispersion = number_of(json.at("dispersion")),
                                   .spread = number_of(json.at("spread")),
                                   .set_aside = {},
                                   .signatures = {}};
  for (const Json& host : json.at("set_aside")) {
    numbers.set_aside.push_back({.host = host.at("host"),
                                 .role = host.at("role") == "canary" ? judge::Role::canary : judge::Role::control,
                                 .why = narrowed(host.at("why"))});
  }
  for (const Json& signature : json.at("signatures")) {
    numbers.signatures.push_back({.id = narrowed(signature.at("signature")),
                                  .sample = narrowed(signature.at("sample")),
                                  .count = signature.at("count"),
                                  .hosts = signature.at("hosts"),
                                  .fails = signature.at("fails"),
                                  .together = signature.value("together", 0U)});
  }
  return numbers;
}

Json stored_verdict(const judge::Verdict& verdict) {
  Json hosts = Json::array();
  for (const judge::HostFinding& host : verdict.hosts) {
    hosts.push_back({{"host", host.host},
                     {"before", host.rate_before},
                     {"after", host.rate_after},
                     {"limit", host.limit},
                     {"over", host.over},
                     {"trouble", widened(host.trouble)}});
  }
  Json json{{"answer", static_cast<int>(verdict.answer)},
            {"judge", verdict.judge},
            {"reason", verdict.reason},
            {"text", widened(verdict.text)},
            {"seconds", verdict.seconds},
            {"hosts", hosts}};
  if (verdict.numbers) json["numbers"] = judge::numbers_json(*verdict.numbers, widened);
  for (const judge::SourceFinding& source : verdict.sources) {
    json["sources"].push_back({{"source", source.source},
                               {"required", source.required},
                               {"answer", static_cast<int>(source.answer)},
                               {"judge", source.judge},
                               {"reason", source.reason},
                               {"text", widened(source.text)},
                               {"seconds", source.seconds}});
  }
  return json;
}

judge::SourceFinding finding_of(const Json& json) {
  return {.source = json.at("source"),
          .required = json.at("required"),
          .answer = enum_of(json.at("answer"), judge::Answer::inconclusive),
          .judge = json.at("judge"),
          .reason = json.at("reason"),
          .text = narrowed(json.at("text")),
          .seconds = json.at("seconds")};
}

judge::Verdict verdict_of(const Json& json) {
  judge::Verdict verdict;
  verdict.answer = enum_of(json.at("answer"), judge::Answer::inconclusive);
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
  if (json.contains("numbers")) verdict.numbers = numbers_of(json.at("numbers"));
  for (const Json& source : json.value("sources", Json::array())) verdict.sources.push_back(finding_of(source));
  return verdict;
}

Json source_json(const evidence::DeploymentSource& source) {
  return {{"source", name_of(source.source)},        {"required", source.required},
          {"judge", static_cast<int>(source.judge)}, {"judge_settings", source.judge_settings},
          {"wait_ms", source.wait.count()},          {"step_s", source.step.count()},
          {"baseline_s", source.baseline.count()},   {"lead_s", source.lead.count()},
          {"delay_s", source.delay.count()},         {"delay_max_ms", source.delay_max.count()},
          {"knows_lines", source.knows_lines},       {"silence_is_usual", source.silence_is_usual},
          {"errors_only", source.errors_only}};
}

evidence::DeploymentSource source_of(const Json& json) {
  const auto kind = evidence::source_of_name(json.at("source").get<std::string>());
  if (!kind) throw std::runtime_error("a source of evidence has no known name");
  return {.source = *kind,
          .required = json.at("required"),
          .judge = enum_of(json.at("judge"), JudgeKind::sequential),
          .judge_settings = json.at("judge_settings"),
          .wait = Duration{json.at("wait_ms").get<std::int64_t>()},
          .step = std::chrono::seconds{std::max<std::int64_t>(1, json.at("step_s"))},
          .baseline = std::chrono::seconds{json.at("baseline_s").get<std::int64_t>()},
          .lead = std::chrono::seconds{json.at("lead_s").get<std::int64_t>()},
          .delay = std::chrono::seconds{json.at("delay_s").get<std::int64_t>()},
          .delay_max = Duration{json.at("delay_max_ms").get<std::int64_t>()},
          .knows_lines = json.at("knows_lines"),
          .silence_is_usual = json.at("silence_is_usual"),
          .errors_only = json.at("errors_only")};
}

}  // namespace

std::string rollout_settings_json(const rollout::Rollout& rollout) {
  Json json{{"judge", static_cast<int>(rollout.judge)},
            {"wait_ms", rollout.wait.count()},
            {"hold_back_until_ms", rollout.hold_back_until.count()},
            {"settle_s", rollout.settle.count()},
            {"judge_settings", rollout.judge_settings},
            {"min_canaries", rollout.min_canaries},
            {"max_in_flight", share_json(rollout.max_in_flight)},
            {"prefetch", rollout.prefetch},
            {"failure_limit", share_json(rollout.failure_limit)},
            {"step_deadline_ms", rollout.step_deadline.count()},
            {"hold_limit_ms", rollout.hold_limit.count()},
            {"on_inconclusive", static_cast<int>(rollout.on_inconclusive)},
            {"extend_ms", rollout.extend.count()},
            {"extended", rollout.extended},
            {"on_hold_end", static_cast<int>(rollout.on_hold_end)},
            {"on_canary_lost", static_cast<int>(rollout.on_canary_lost)},
            {"stages", Json::array()}};
  for (const evidence::DeploymentSource& source : rollout.sources) json["sources"].push_back(source_json(source));
  for (const rollout::Stage& stage : rollout.stages) {
    json["stages"].push_back({{"name", stage.name}, {"judged", stage.judged}, {"held_back", stage.held_back}});
  }
  if (rollout.verdict) json["verdict"] = stored_verdict(*rollout.verdict);
  return json.dump();
}

void read_rollout_settings(const std::string& text, rollout::Rollout& rollout) {
  const Json json = Json::parse(text);
  // Keys that schema 1 did not have: it knew the fixed judge only.
  rollout.judge = enum_of(json.value("judge", Json(0)), JudgeKind::sequential);
  rollout.wait = Duration{json.at("wait_ms").get<std::int64_t>()};
  rollout.hold_back_until = Duration{json.value("hold_back_until_ms", std::int64_t{0})};
  rollout.settle = std::chrono::seconds{json.value("settle_s", std::int64_t{0})};
  rollout.judge_settings = json.value("judge_settings", std::vector<std::string>{});
  rollout.min_canaries = json.at("min_canaries");
  rollout.max_in_flight = share_of(json.at("max_in_flight"));
  rollout.prefetch = json.value("prefetch", false);
  rollout.failure_limit = share_of(json.at("failure_limit"));
  rollout.step_deadline = Duration{json.at("step_deadline_ms").get<std::int64_t>()};
  rollout.hold_limit = Duration{json.at("hold_limit_ms").get<std::int64_t>()};
  rollout.on_inconclusive = enum_of(json.at("on_inconclusive"), OnInconclusive::extend);
  rollout.extend = Duration{json.value("extend_ms", std::int64_t{0})};
  rollout.extended = json.value("extended", false);
  rollout.on_hold_end = enum_of(json.at("on_hold_end"), OnHoldEnd::keep);
  rollout.on_canary_lost = enum_of(json.at("on_canary_lost"), OnCanaryLost::hold);
  for (const Json& source : json.value("sources", Json::array())) rollout.sources.push_back(source_of(source));
  for (const Json& stage : json.at("stages")) {
    rollout.stages.push_back(
        {.name = stage.at("name"), .judged = stage.at("judged"), .held_back = stage.value("held_back", false)});
  }
  if (json.contains("verdict")) rollout.verdict = verdict_of(json.at("verdict"));
}

}  // namespace serin::controller
