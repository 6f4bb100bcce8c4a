#include "controller/judge/verdict_json.h"

#include <nlohmann/json.hpp>

#include "protocol/text.h"

namespace serin::judge {

namespace {
using Json = nlohmann::json;

std::string shown(const std::string& bytes) {
  return printable(bytes);
}
}  // namespace

Json numbers_json(const SequentialNumbers& numbers, const std::function<std::string(const std::string&)>& as_text) {
  Json set_aside = Json::array();
  for (const SetAside& host : numbers.set_aside) {
    set_aside.push_back(
        {{"host", host.host}, {"role", host.role == Role::canary ? "canary" : "control"}, {"why", as_text(host.why)}});
  }
  Json signatures = Json::array();
  for (const NewSignature& signature : numbers.signatures) {
    signatures.push_back({{"signature", as_text(signature.id)},
                          {"sample", as_text(signature.sample)},
                          {"count", signature.count},
                          {"hosts", signature.hosts},
                          {"fails", signature.fails},
                          {"together", signature.together}});
  }
  return {{"times", numbers.ratio},
          {"times_low", numbers.ratio_low},
          {"times_high", numbers.ratio_high},
          {"canaries_errors_per_second", numbers.canary_rate},
          {"controls_errors_per_second", numbers.control_rate},
          {"controls", numbers.controls},
          {"canaries_errors", numbers.canary_errors},
          {"controls_errors", numbers.control_errors},
          {"capped", numbers.capped},
          {"fail_evidence", numbers.fail_evidence},
          {"fail_evidence_without_one", numbers.fail_evidence_without_one},
          {"pass_evidence", numbers.pass_evidence},
          {"pass_evidence_adverse", numbers.pass_evidence_adverse},
          {"dispersion", numbers.dispersion},
          {"spread", numbers.spread},
          {"set_aside", std::move(set_aside)},
          {"signatures", std::move(signatures)}};
}

nlohmann::json verdict_json(const Verdict& verdict) {
  Json hosts = Json::array();
  for (const HostFinding& host : verdict.hosts) {
    hosts.push_back({{"host", host.host},
                     {"errors_per_second_before", host.rate_before},
                     {"errors_per_second_after", host.rate_after},
                     {"limit", host.limit},
                     {"over", host.over},
                     {"trouble", printable(host.trouble)}});
  }
  Json json{{"answer", name_of(verdict.answer)}, {"judge", verdict.judge},     {"reason", verdict.reason},
            {"text", printable(verdict.text)},   {"seconds", verdict.seconds}, {"hosts", hosts}};
  json["sources"] = Json::array();
  for (const SourceFinding& source : verdict.sources) {
    json["sources"].push_back({{"source", source.source},
                               {"required", source.required},
                               {"answer", name_of(source.answer)},
                               {"judge", source.judge},
                               {"reason", source.reason},
                               {"text", printable(source.text)},
                               {"seconds", source.seconds}});
  }
  json["numbers"] = verdict.numbers ? numbers_json(*verdict.numbers, shown) : Json(nullptr);
  return json;
}

}  // namespace serin::judge
